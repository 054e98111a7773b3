// A Kafka and a PostgreSQL of one's own, which may be killed, frozen and wiped without hurting others.
import { execFile, execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const scripts = fileURLToPath(new URL('../../scripts', import.meta.url))
const run = promisify(execFile)

export class Service {
  /** @param {'kafka' | 'postgres'} name  @param {string} folder  @param {string[]} options  for its start */
  constructor(name, folder, options = []) {
    this.name = name
    this.folder = folder
    this.options = options
  }

  /** Starts it where it was. Its address stays what it is. */
  async start() {
    this.address = await this.#script('start', ...this.options)
  }

  /** As when the machine loses power. */
  async kill() {
    await this.#script('kill')
  }

  async stop() {
    await this.#script('stop')
  }

  /** Loses everything it knows, as a disk that broke. It must have been stopped. */
  async wipe() {
    await rm(join(this.folder, 'data'), { recursive: true, force: true })
  }

  /** To all of its processes. @param {'SIGSTOP' | 'SIGCONT'} signal */
  async signal(signal) {
    if (this.name === 'kafka') return void process.kill(+read(this.folder, 'broker.pid'), signal)
    const postmaster = +read(this.folder, 'data', 'postmaster.pid').split('\n')[0]
    const { stdout } = await run('pgrep', ['-P', `${postmaster}`]).catch(() => ({ stdout: '' }))
    for (const pid of [postmaster, ...stdout.split('\n').filter(Boolean).map(Number)]) {
      try {
        process.kill(pid, signal)
      } catch {
        // A connection's process may have ended by now.
      }
    }
  }

  /** Runs one of Kafka's own tools at it; what that prints. */
  async tool(name, ...args) {
    return (await run(join(scripts, this.name), ['tool', name, '--bootstrap-server', this.address, ...args])).stdout.trim()
  }

  async #script(verb, ...more) {
    return (await run(join(scripts, this.name), [verb, this.folder, ...more])).stdout.trim()
  }
}

export class Services {
  constructor(folder, secure) {
    this.folder = folder
    this.kafka = new Service('kafka', join(folder, 'kafka'), secure ? ['--secure'] : [])
    this.postgres = new Service('postgres', join(folder, 'postgres'))
  }

  /** In a folder that goes away afterwards; or those in TORTURE_SERVICES, which stay: several
   * harnesses, one after the other, need not wait for new ones. `secure`: see scripts/kafka-secure.sh. */
  static async start({ secure = false } = {}) {
    if (process.env.TORTURE_SERVICES && !secure) {
      const services = new Services(process.env.TORTURE_SERVICES)
      await services.kafka.start()
      await services.postgres.start()
      return services
    }
    const folder = await mkdtemp(join(tmpdir(), 'todo-services-'))
    await chmod(folder, 0o711) // as root, PostgreSQL runs as another user
    const services = new Services(folder, secure)
    running.add(services)
    await services.kafka.start()
    await services.postgres.start()
    return services
  }

  stop() {
    if (!running.delete(this)) return
    for (const service of [this.kafka, this.postgres]) {
      try {
        // A frozen one would not hear that it is to stop.
        execFileSync(join(scripts, service.name), ['kill', service.folder], { stdio: 'ignore' })
      } catch {
        // It was not there.
      }
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const read = (...path) => readFileSync(join(...path), 'utf8').trim()

const running = new Set()
process.on('exit', () => running.forEach(services => services.stop()))
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) process.once(signal, () => process.exit(code))
