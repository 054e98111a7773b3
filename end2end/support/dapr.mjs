// Starts Dapr sidecars, and the application beside one, for harness/dapr.mjs.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TOPICS } from '../harness/contract.mjs'
import { until } from '../harness/stack.mjs'
import { freePort } from './server.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** A process whose output goes to a file, and which is gone when we are. */
class Child {
  #process

  constructor(log) {
    this.log = log
  }

  start(command, args, env = process.env) {
    const log = openSync(this.log, 'a')
    this.#process = spawn(command, args, { env, stdio: ['ignore', log, log] })
    closeSync(log)
    this.exit = once(this.#process, 'exit')
    running.add(this)
  }

  get isRunning() {
    return this.#process?.exitCode === null && this.#process.signalCode === null
  }

  async kill(signal = 'SIGKILL') {
    running.delete(this)
    if (!this.isRunning) return
    this.#process.kill(signal)
    await this.exit
  }
}

/** An application: harness/subscriber.mjs. */
export class Subscriber extends Child {
  /** @param {string} folder  for its log and its notes
   * @param {string} poison  it fails whatever has this in its body */
  constructor(folder, name, port, poison) {
    super(join(folder, `${name}-application.log`))
    this.port = port
    this.poison = poison
    this.file = join(folder, `${name}.jsonl`)
  }

  start() {
    const program = fileURLToPath(new URL('../harness/subscriber.mjs', import.meta.url))
    super.start(process.execPath, [program, `${this.port}`, this.file, this.poison])
  }

  /** Everything it was given so far, in the order of its coming. */
  get notes() {
    if (!existsSync(this.file)) return []
    const whole = readFileSync(this.file, 'utf8').split('\n').slice(0, -1)
    return whole.map(line => JSON.parse(line))
  }
}

/** A daprd beside an application. */
export class Sidecar extends Child {
  /** @param {{resources: string[], config: string, env: Record<string, string>}} settings */
  constructor(folder, name, application, settings) {
    super(join(folder, `${name}.log`))
    Object.assign(this, { name, application, settings })
  }

  async start() {
    const [http, grpc, inner, metrics] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
    this.url = `http://127.0.0.1:${http}`
    const { resources, config, env } = this.settings
    const options = {
      'app-id': this.name,
      'app-port': this.application.port,
      // Without it, an application that is away is failed at, and all it misses are dead letters.
      'enable-app-health-check': true,
      'app-health-probe-interval': 1,
      // A busy machine takes its time; 500 ms are the default.
      'app-health-probe-timeout': 900,
      'app-health-threshold': 1,
      'dapr-listen-addresses': '127.0.0.1',
      'dapr-http-port': http,
      'dapr-grpc-port': grpc,
      'dapr-internal-grpc-port': inner,
      'metrics-port': metrics,
      config,
    }
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
    args.push(...resources.map(folder => `--resources-path=${folder}`))
    super.start(daprd(), args, { PATH: process.env.PATH, HOME: process.env.HOME, ...env })
    await until('the sidecar is ready', () => this.#isReady())
  }

  async #isReady() {
    if (!this.isRunning) throw new Error(`daprd has ended:\n${this.output}`)
    return (await fetch(`${this.url}/v1.0/healthz`)).ok
  }

  get output() {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8') : ''
  }
}

/** The path of daprd. The first time it is built, which takes minutes. */
export function daprd() {
  return execFileSync(join(root, 'scripts/dapr'), { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' }).trim()
}

/**
 * What a sidecar is to be started with: the files of deploy/dapr as they are, or, `secure`, with what
 * is for password and TLS taken in, and with the secrets of scripts/kafka-secure.sh.
 */
export async function settings(folder, { kafka }, secure) {
  const deploy = join(root, 'deploy/dapr')
  const [components, config] = [join(deploy, 'components'), join(deploy, 'config.yaml')]
  if (!secure) return { resources: [components], config, env: { KAFKA_BROKERS: kafka.address } }
  const secured = join(folder, 'components')
  await cp(components, secured, { recursive: true })
  const file = join(secured, 'pubsub.yaml')
  const text = readFileSync(file, 'utf8').replace(/ *- name: authType\n *value: none\n/, '')
  writeFileSync(file, text.replace(/^( *)#(?=\S)/gm, '$1'))
  const secrets = join(folder, 'secrets.json')
  const authority = readFileSync(join(kafka.folder, 'tls/ca.pem'), 'utf8')
  writeFileSync(secrets, JSON.stringify({ 'kafka-secrets': { username: 'todo', password: 'todo-secret' }, 'kafka-certs': { 'ca.crt': authority } }))
  await allow(kafka)
  const brokers = readFileSync(join(kafka.folder, 'brokers-sasl'), 'utf8').trim()
  return { resources: [secured, join(deploy, 'secrets')], config, env: { KAFKA_BROKERS: brokers, SECRETS_FILE: secrets } }
}

/** All that the user `todo` needs at a broker that refuses what is not allowed. */
async function allow(kafka) {
  const may = (...what) => kafka.tool('org.apache.kafka.tools.AclCommand', '--add', '--allow-principal', 'User:todo', ...what)
  const topics = suffix => TOPICS.flatMap(topic => ['--topic', topic + suffix])
  await may('--operation', 'Read', '--operation', 'Describe', ...topics(''))
  await may('--operation', 'Write', '--operation', 'Describe', ...topics('.dlq'))
  await may('--operation', 'Read', '--group', 'subscriber')
}

const running = new Set()
process.on('exit', () => running.forEach(child => child.kill()))
