// An installation to torment: `todo` as one process on SQLite, or as several on PostgreSQL and Kafka.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { freePort, newestBinary } from '../support/server.mjs'

const run = promisify(execFile)

/** Waits until `look` answers with something; asks again and again, whatever goes wrong. */
export async function until(what, look, seconds = 60) {
  const end = Date.now() + seconds * 1000
  for (let last; ; await sleep(20)) {
    try {
      const found = await look()
      if (found) return found
      last = undefined
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`${seconds} s went by, and still not: ${what}`, { cause: last })
  }
}

/** One `todo serve`. */
export class Process {
  #child

  constructor(stack, name, role) {
    this.stack = stack
    this.name = name
    this.role = role
    this.log = join(stack.folder, `${name}.log`)
  }

  /** @param {Record<string, string>} env  such as TODO_CRASH_AT, for this run only */
  start(env = {}) {
    const log = openSync(this.log, 'a')
    this.#child = spawn(this.stack.binary, ['serve', '--role', this.role], {
      env: { ...this.stack.env, ...env },
      cwd: this.stack.folder,
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    this.exit = once(this.#child, 'exit')
  }

  get pid() {
    return this.#child.pid
  }

  get isRunning() {
    return this.#child?.exitCode === null && this.#child.signalCode === null
  }

  signal(signal) {
    this.#child.kill(signal)
  }

  async kill(signal = 'SIGKILL') {
    if (!this.isRunning) return
    this.signal(signal)
    await this.exit
  }
}

export class Stack {
  /** @type {Process[]} */
  processes = []

  /**
   * @param {object} options
   * @param {Record<string, string>} options.place  DATABASE_URL and the like; none: an SQLite file
   * @param {string[]} [options.roles]  one process each
   */
  static async start({ place = {}, roles = ['all'], env = {} } = {}) {
    const stack = new Stack()
    stack.binary = newestBinary()
    stack.folder = await mkdtemp(join(tmpdir(), 'todo-torture-'))
    stack.port = await freePort()
    stack.url = `http://127.0.0.1:${stack.port}`
    stack.env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      RUST_BACKTRACE: '1',
      TODO_LOG: process.env.TODO_LOG ?? 'warn',
      LEPTOS_SITE_ADDR: `127.0.0.1:${stack.port}`,
      DATABASE_URL: `sqlite://${stack.folder}/todo.db`,
      ...place,
      ...env,
    }
    running.add(stack)
    for (const role of roles) {
      const twins = stack.of(role).length
      stack.processes.push(new Process(stack, role + (twins ? `-${twins + 1}` : ''), role))
    }
    // One after the other: only the first one has tables to make.
    for (const process of stack.processes) {
      process.start()
      if (process === stack.processes[0]) await stack.ready()
    }
    return stack
  }

  of(role) {
    return this.processes.filter(process => process.role === role)
  }

  /** Until the web process answers, and everything behind it. */
  ready() {
    return until('ready', async () => (await fetch(`${this.url}/readyz`)).ok)
  }

  /** Runs a command of `todo`; what it prints. Errors: it exits with anything but 0. */
  async todo(...args) {
    const { stdout } = await run(this.binary, args, { env: this.env, cwd: this.folder, maxBuffer: 1 << 28 })
    return stdout
  }

  /** How often a process panicked. */
  panics() {
    return this.processes.reduce((sum, { log }) => sum + (readFileSync(log, 'utf8').match(/panicked at/g)?.length ?? 0), 0)
  }

  /** A connection to its PostgreSQL. */
  async database() {
    const client = new pg.Client({ connectionString: this.env.DATABASE_URL })
    client.on('error', () => {})
    await client.connect()
    return client
  }

  async stop() {
    await Promise.all(this.processes.map(process => process.kill()))
    running.delete(this)
    // For whoever has to find out what went wrong.
    if (process.env.TODO_KEEP) console.error(`kept: ${this.folder}`)
    else rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A database and topics of its own. @param {import('../support/services.mjs').Services} services */
export async function newPlace(services, { kafka = true, partitions = 3 } = {}) {
  const name = `torture_${randomBytes(6).toString('hex')}`
  const client = new pg.Client({ connectionString: services.postgres.address })
  await client.connect()
  await client.query(`create database ${name}`).finally(() => client.end())
  const DATABASE_URL = services.postgres.address.replace(/\/[^/]*$/, `/${name}`)
  if (!kafka) return { DATABASE_URL }
  return { DATABASE_URL, KAFKA_BROKERS: services.kafka.address, KAFKA_PREFIX: `${name}.`, KAFKA_PARTITIONS: `${partitions}` }
}

const running = new Set()
process.on('exit', () => running.forEach(stack => stack.processes.forEach(process => process.isRunning && process.signal('SIGKILL'))))
