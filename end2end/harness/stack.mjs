// An installation to torment: `todo` as one process on SQLite, or as several on PostgreSQL and Kafka.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createHash, randomBytes } from 'node:crypto'
import pg from 'pg'
import { freePort, newestBinary } from '../support/server.mjs'
import { Services } from '../support/services.mjs'

const run = promisify(execFile)

/** Waits until `look` answers with something; asks again and again, whatever goes wrong. */
export async function until(what, look, seconds = 60, pause = 20) {
  const end = Date.now() + seconds * 1000
  for (let last; ; await sleep(pause)) {
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

  constructor(stack, name, role, metricsPort) {
    this.stack = stack
    this.name = name
    this.role = role
    this.log = join(stack.folder, `${name}.log`)
    this.metricsAddress = `127.0.0.1:${metricsPort}`
  }

  /** @param {Record<string, string>} env  such as TODO_CRASH_AT, for this run only */
  start(env = {}) {
    const log = openSync(this.log, 'a')
    this.#child = spawn(this.stack.binary, ['serve', '--role', this.role], {
      env: { ...this.stack.env, TODO_METRICS_ADDR: this.metricsAddress, ...env },
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

  /** Until it runs, and its tables are there. */
  answers() {
    return until(`${this.name} answers`, async () => (await fetch(`http://${this.metricsAddress}/healthz`)).ok)
  }

  async kill(signal = 'SIGKILL') {
    if (!this.isRunning) return
    this.signal(signal)
    await this.exit
  }

  /** The sum of a measure over all of its labels that contain `labels`. */
  async measure(name, labels = '') {
    const text = await (await fetch(`http://${this.metricsAddress}/metrics`)).text()
    const lines = text.split('\n').filter(line => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)) && line.includes(labels))
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }

  /** The memory it has, in bytes. */
  get memory() {
    return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1])
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
      TODO_ONBOARDING: 'off',
      TODO_LOG: process.env.TODO_LOG ?? 'warn',
      LEPTOS_SITE_ADDR: `127.0.0.1:${stack.port}`,
      DATABASE_URL: `sqlite://${stack.folder}/todo.db`,
      ...place,
      ...env,
    }
    running.add(stack)
    for (const role of roles) {
      const twins = stack.of(role).length
      stack.processes.push(new Process(stack, role + (twins ? `-${twins + 1}` : ''), role, await freePort()))
    }
    // One after the other: only the first one has tables to make. It is ready once the relay has made
    // the topics.
    for (const process of stack.processes) {
      process.start()
      await Promise.race([process.answers(), process.exit.then(() => Promise.reject(new Error(readFileSync(process.log, 'utf8'))))])
    }
    await stack.ready()
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

  /** A measure summed over all processes. */
  async measure(name, labels) {
    const sums = await Promise.all(this.processes.map(process => process.measure(name, labels)))
    return sums.reduce((sum, one) => sum + one, 0)
  }

  /** Runs SQL in its database, all of it in one transaction; the rows of the last statement. */
  async sql(text) {
    const database = this.env.DATABASE_URL
    if (database.startsWith('sqlite:')) {
      const child = run('sqlite3', ['-json', '-bail', database.slice('sqlite://'.length)], { maxBuffer: 1 << 28 })
      child.child.stdin.end(`.timeout 10000\nbegin immediate;${text};commit;`)
      return JSON.parse((await child).stdout || '[]')
    }
    const client = new pg.Client({ connectionString: database, types: { getTypeParser: () => String } })
    client.on('error', () => {})
    await client.connect()
    const results = [await client.query(`begin;${text};commit`).finally(() => client.end())].flat()
    return results.at(-2).rows
  }

  /** Of the rows of a query, in its order. */
  async checksum(query) {
    const database = this.env.DATABASE_URL
    if (!database.startsWith('sqlite:')) return this.value(`select count(*) || ' ' || md5(coalesce(string_agg(t::text, '|'), '')) from (${query}) t`)
    const child = spawn('sqlite3', ['-csv', '-bail', '-cmd', '.timeout 10000', database.slice('sqlite://'.length), query], { stdio: ['ignore', 'pipe', 'inherit'] })
    const hash = createHash('md5')
    const closed = once(child, 'close')
    for await (const rows of child.stdout) hash.update(rows)
    const [code] = await closed
    if (code !== 0) throw new Error(`sqlite3 could not: ${query}`)
    return hash.digest('hex')
  }

  /** The one value that SQL answers with. */
  async value(text) {
    return Object.values((await this.sql(text))[0])[0]
  }

  /** Until everything that happened is published, applied by every consumer, and nobody waits. */
  async settled(seconds = 120) {
    const sql = `select (select count(*) from events where published_at is null) as unpublished,
      (select count(*) from dead_letters where published_at is null) as untold,
      (select count(*) from dead_letters where status = 'redriving') as redriving,
      (select count(*) from parked) as parked,
      (select sum(last_seq) from streams)
      - coalesce((select sum(last_seq) from consumer_progress where consumer = 'activity'), 0) as unapplied`
    let left
    const isSettled = async () => {
      left = (await this.sql(sql))[0]
      return Object.values(left).every(count => Number(count) === 0)
    }
    await until('everything is published and applied', isSettled, seconds, 200).catch(error => {
      throw new Error(`${error.message}: ${JSON.stringify(left)}`, { cause: error.cause })
    })
  }

  /** What is not as history makes it: the state, a read model, the audit log. A sentence each. */
  async inconsistencies() {
    const checks = [['verify'], ['audit', 'verify'], ...READ_MODELS.map(name => ['rebuild', name, '--check'])]
    const found = []
    for (const check of checks) {
      await this.todo(...check).catch(error => found.push(`todo ${check.join(' ')}: ${error.stdout || error}`))
    }
    return found
  }

  async stop() {
    await Promise.all(this.processes.map(process => process.kill()))
    running.delete(this)
    // For whoever has to find out what went wrong.
    if (process.env.TODO_KEEP) console.error(`kept: ${this.folder}`)
    else rmSync(this.folder, { recursive: true, force: true })
  }
}

/** What `todo rebuild` can build anew. */
const READ_MODELS = ['activity', 'analytics', 'lists', 'points']

/** The parts of each stack, one process each. */
export const ROLES = { sqlite: ['all'], cluster: ['web', 'relay', 'relay', 'consumers', 'consumers'] }

/**
 * Runs a harness on the stacks of these names: one process on SQLite, or several on a PostgreSQL and
 * a Kafka. It answers with what was broken, a sentence each; if anything was, the exit status is 1.
 *
 * @param {string[]} names
 * @param {(stack: Stack, services: Services | undefined, name: string) => Promise<string[]>} harness
 * @param {Record<string, string>} [env]  for every process
 */
export async function onStacks(names, harness, env) {
  for (const name of names) {
    const services = name === 'cluster' ? await Services.start() : undefined
    try {
      const stack = await Stack.start({ place: services && (await newPlace(services)), roles: ROLES[name], env })
      try {
        const broken = await harness(stack, services, name)
        if (stack.panics() > 0) broken.push(`${stack.panics()} panics`)
        for (const what of broken) {
          console.error(`${name}: ${what}`)
          process.exitCode = 1
        }
      } finally {
        await stack.stop()
      }
    } finally {
      services?.stop()
    }
  }
  process.exit()
}

/** The value at the q-th quantile. */
export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]
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
