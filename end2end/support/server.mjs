// Starts `todo` processes for tests and harnesses, each with a port, a database and topics of its own.
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** @typedef {'embedded' | 'kafka'} Transport  SQLite without a broker, or PostgreSQL and Apache Kafka */

/** A running `todo`, which may be killed and started again on the same data. */
export class Todo {
  /** Everything it has written to stdout and stderr. */
  log = ''
  /** @type {import('node:child_process').ChildProcess} */
  #child

  constructor(transport, binary, port, folder, place) {
    this.transport = transport
    this.binary = binary
    this.port = port
    this.folder = folder
    this.url = `http://127.0.0.1:${port}`
    this.env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      RUST_BACKTRACE: '1',
      // Lists begin empty, but where a test says otherwise.
      TODO_ONBOARDING: 'off',
      TODO_LOG: process.env.TODO_LOG ?? 'info',
      LEPTOS_SITE_ADDR: `127.0.0.1:${port}`,
      LEPTOS_SITE_ROOT: process.env.TODO_SITE_ROOT ?? join(root, 'target/site'),
      ...place,
    }
  }

  /** @param {Transport} transport
   * @param {Record<string, string>} settings  environment variables beside those it needs */
  static async start(transport, binary = newestBinary(), settings = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'todo-e2e-'))
    const place = transport === 'kafka' ? await newKafkaPlace() : { DATABASE_URL: `sqlite://${folder}/todo.db` }
    const todo = new Todo(transport, binary, await freePort(), folder, { ...place, ...settings })
    running.add(todo)
    await todo.restart().catch(async error => {
      await todo.#cleanUp()
      throw error
    })
    return todo
  }

  /** Starts it where it was, and waits until it is ready. */
  async restart() {
    this.log += `--- ${this.binary} at ${this.url}\n`
    this.#child = this.#spawn('serve')
    const end = Date.now() + 60_000
    while (!(await this.#isReady())) {
      if (this.#hasExited()) throw new Error(`todo did not start:\n${this.log}`)
      if (Date.now() > end) throw new Error(`todo was not ready after 60 s:\n${this.log}`)
      await sleep(25)
    }
  }

  /** Ends the process; its data stays. By default as when the machine loses power.
   * @param {NodeJS.Signals} signal */
  async kill(signal = 'SIGKILL') {
    if (this.#hasExited()) return
    const exit = once(this.#child, 'exit')
    this.#child.kill(signal)
    await exit
  }

  /** Stops it as an operator would, proves that no change is without its event, removes the data. */
  async stop() {
    try {
      await this.#terminate()
      await this.#verify()
    } finally {
      await this.#cleanUp()
    }
  }

  /** Runs a command of `todo` on the same data, such as `admin grant EMAIL`. */
  async run(...args) {
    const before = this.log.length
    const [code] = await once(this.#spawn(...args), 'close')
    if (code !== 0) throw new Error(`todo ${args.join(' ')} exited with ${code}:\n${this.log.slice(before)}`)
  }

  /** Runs SQL on its database, beside it: for what no page and no command does. */
  async sql(sql) {
    if (this.transport === 'kafka') return inPostgres(sql, this.env.DATABASE_URL)
    await promisify(execFile)('sqlite3', ['-cmd', '.timeout 10000', join(this.folder, 'todo.db'), sql])
  }

  async #cleanUp() {
    await this.kill()
    running.delete(this)
    if (this.transport === 'kafka') await dropDatabase(this.env.DATABASE_URL)
    await rm(this.folder, { recursive: true, force: true })
  }

  async #terminate() {
    if (this.#hasExited()) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const code = await Promise.race([exit.then(([code]) => code), sleep(12_000, 'late', { ref: false })])
    if (code === 'late') throw new Error(`todo promises to stop within 10 s and did not:\n${this.log}`)
    if (code !== 0) throw new Error(`todo exited with ${code} when it was asked to stop:\n${this.log}`)
  }

  async #verify() {
    await this.run('verify')
  }

  #spawn(...args) {
    const child = spawn(this.binary, args, { env: this.env, cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] })
    const keep = text => (this.log += text)
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    return child
  }

  #hasExited() {
    return !this.#child || this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async #isReady() {
    try {
      return (await fetch(`${this.url}/readyz`)).status === 200
    } catch {
      return false
    }
  }
}

const running = new Set()
// Nothing outlives an interrupted run.
process.on('exit', () => running.forEach(todo => todo.kill()))

/** The `todo` that was built last: the one the files of the site belong to. */
export function newestBinary() {
  if (process.env.TODO_BIN) return resolve(process.env.TODO_BIN)
  const built = binaries().sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
  if (built.length === 0) throw new Error('There is no todo binary. Build it with `cargo leptos build`, or name one in TODO_BIN.')
  return built[0]
}

/** The optimised `todo` if there is one: for what is measured. */
export function fastestBinary() {
  return process.env.TODO_BIN ? newestBinary() : (binaries()[0] ?? newestBinary())
}

function binaries() {
  const cache = process.env.TODO_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'todo-evolution')
  const target = resolve(root, process.env.CARGO_TARGET_DIR ?? join(cache, 'target'))
  return ['release/todo', 'debug/todo'].map(name => join(target, name)).filter(existsSync)
}

async function newKafkaPlace() {
  const { TEST_KAFKA_BROKERS, TEST_POSTGRES_URL } = process.env
  if (!TEST_KAFKA_BROKERS || !TEST_POSTGRES_URL) {
    throw new Error(
      'TEST_KAFKA_BROKERS and TEST_POSTGRES_URL must name a Kafka and a PostgreSQL. ' +
        'Run `make test`, or see the top of end2end/playwright.config.ts; --project=embedded needs neither.',
    )
  }
  const name = `e2e_${randomBytes(6).toString('hex')}`
  await inPostgres(`create database ${name}`)
  return {
    DATABASE_URL: TEST_POSTGRES_URL.replace(/\/[^/]*$/, `/${name}`),
    KAFKA_BROKERS: TEST_KAFKA_BROKERS,
    KAFKA_PREFIX: `${name}.`,
    KAFKA_PARTITIONS: '3',
  }
}

async function dropDatabase(url) {
  await inPostgres(`drop database ${url.split('/').pop()} with (force)`)
}

async function inPostgres(sql, url = process.env.TEST_POSTGRES_URL) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

const given = new Set()

/** Below the ports the system gives to outgoing connections: it has to be free after a restart too.
 * Never the same twice: whoever asked may not listen yet. */
export function freePort() {
  return new Promise(found => {
    const attempt = () => {
      const port = 20_000 + Math.floor(Math.random() * 10_000)
      if (given.has(port)) return attempt()
      const server = createServer().once('error', attempt)
      server.listen(port, '127.0.0.1', () => {
        given.add(port)
        server.close(() => found(port))
      })
    }
    attempt()
  })
}
