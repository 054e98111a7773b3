// Kafka as anyone with a command line has it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Sends records to a topic of the stack's: a line each, `KEY|VALUE`; an empty value is none at all.
 * @param {string[]} lines  @param {Record<string, string>} [headers]  of all of them */
export function sendLines(stack, topic, lines, headers = {}) {
  const input = Buffer.concat(lines.flatMap(line => [Buffer.from(line), Buffer.from('\n')]))
  return send(stack, topic, headers, ['-K', '|', '-Z'], input)
}

/** Sends what a file holds, up to what the broker takes, as one record. */
export function sendFile(stack, topic, key, file, headers = {}) {
  return send(stack, topic, headers, ['-k', key, '-X', 'message.max.bytes=1048576', file])
}

/** Every record of the topics that match, from the first to the last, in kcat's format. */
export async function readAll(stack, topics, format) {
  const { KAFKA_BROKERS, KAFKA_PREFIX } = stack.env
  const text = await Promise.all(topics.map(topic => kcat(['-C', '-b', KAFKA_BROKERS, '-t', KAFKA_PREFIX + topic, '-e', '-q', '-o', 'beginning', '-f', format])))
  return text.join('')
}

function send(stack, topic, headers, more, input = '') {
  const { KAFKA_BROKERS, KAFKA_PREFIX } = stack.env
  const pairs = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`])
  return kcat(['-P', '-b', KAFKA_BROKERS, '-t', KAFKA_PREFIX + topic, '-X', 'enable.idempotence=true', ...pairs, ...more], input)
}

async function kcat(args, input = '') {
  const child = spawn('kcat', args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.on('data', text => (out += text))
  child.stderr.on('data', text => (err += text))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`kcat ${args.join(' ')}: ${err}`)
  return out
}
