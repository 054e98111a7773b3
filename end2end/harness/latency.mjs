// How long a change takes from the commit to another window, on each transport.
//
//   node harness/latency.mjs                       one at a time, as fast as answers come
//   node harness/latency.mjs --rate 100            on a fixed schedule instead: 100 a second
//   options: --count 300   --transport embedded|kafka   --check (exit 1 if a p99 misses the budget)
//
// The release binary is measured if there is one. Kafka is measured when TEST_KAFKA_BROKERS and
// TEST_POSTGRES_URL are set (see playwright.config.ts). Times are from the event's timestamp, which
// is taken just before the commit, and from the sending of the request, to receipt on the socket.
import { once } from 'node:events'
import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { randomUUID } from 'node:crypto'
import WebSocket from 'ws'
import { Person } from '../support/person.mjs'
import { Todo, fastestBinary } from '../support/server.mjs'

/** What a change may take from commit to socket, at the 99th percentile. */
const BUDGET_MS = 100
/** The first ones open connections and wait for the consumers to join; they are not counted. */
const WARM_UP = 20

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '300' },
    rate: { type: 'string' },
    transport: { type: 'string', multiple: true },
    check: { type: 'boolean', default: false },
  },
})
const count = +options.count
const rate = options.rate && +options.rate
const withKafka = process.env.TEST_KAFKA_BROKERS && process.env.TEST_POSTGRES_URL
const transports = options.transport ?? ['embedded', ...(withKafka ? ['kafka'] : [])]

const binary = fastestBinary()
const pace = rate ? `${rate} a second` : 'one at a time'
console.log(`${count} creates, ${pace}, ${basename(dirname(binary))} binary; ms: p50 / p99 / max`)
for (const transport of transports) {
  const todo = await Todo.start(transport, binary)
  try {
    report(transport, await measure(todo))
  } finally {
    await todo.stop()
  }
}
if (!withKafka && !options.transport) console.log('kafka: not measured, TEST_KAFKA_BROKERS and TEST_POSTGRES_URL are not set')

async function measure(todo) {
  const person = await Person.register(todo.url)
  const window = await openWindow(person)
  for (let i = 0; i < WARM_UP; i++) await sendAndReceive(person, window, `Warm-up ${i}`)
  const creates = []
  const start = now()
  for (let i = 0; i < count; i++) {
    const create = sendAndReceive(person, window, `Task ${i}`)
    creates.push(create)
    if (rate) await sleep(start + ((i + 1) * 1000) / rate - now())
    else await create
  }
  return Promise.all(creates).finally(() => window.socket.terminate())
}

/** A socket that is live, and for each command the promise of its event's receipt. */
async function openWindow({ url, cookie }) {
  const awaited = new Map()
  const socket = new WebSocket(`${url.replace('http', 'ws')}/live?after=1`, { headers: { cookie: `todo=${cookie}` }, origin: url })
  const live = new Promise(resolve => {
    socket.on('message', frame => {
      const received = now()
      const message = JSON.parse(frame)
      if (message.type === 'live') resolve()
      else awaited.get(message.command_id)?.({ received, timestamp: message.event.timestamp })
    })
  })
  const closed = once(socket, 'close').then(() => Promise.reject(new Error('the socket was closed')))
  await Promise.race([live, closed])
  return { socket, receipt: id => Promise.race([closed, new Promise(resolve => awaited.set(id, resolve))]) }
}

async function sendAndReceive(person, window, title) {
  const command_id = randomUUID()
  const receipt = window.receipt(command_id)
  const sent = now()
  const [{ received, timestamp }] = await Promise.all([receipt, person.does('/api/tasks', { title, command_id })])
  return { fromCommit: received - micros(timestamp), fromRequest: received - sent }
}

function report(transport, times) {
  const fromCommit = quantiles(times.map(t => t.fromCommit))
  const fromRequest = quantiles(times.map(t => t.fromRequest))
  const text = ({ p50, p99, max }) => [p50, p99, max].map(ms => ms.toFixed(1)).join(' / ')
  console.log(`${transport.padEnd(8)}  commit to socket ${text(fromCommit)}   request to socket ${text(fromRequest)}`)
  if (options.check && fromCommit.p99 >= BUDGET_MS) {
    console.error(`${transport}: p99 from commit to socket is over the budget of ${BUDGET_MS} ms`)
    process.exitCode = 1
  }
}

function quantiles(values) {
  const sorted = values.sort((a, b) => a - b)
  const at = q => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) }
}

/** Milliseconds since 1970, with a fraction; from the same clock as the server's. */
function now() {
  return performance.timeOrigin + performance.now()
}

/** An RFC 3339 time as now() counts; Date.parse would drop the microseconds. */
function micros(timestamp) {
  const [, seconds, fraction = ''] = /^(.*?)(\.\d+)?Z$/.exec(timestamp)
  return Date.parse(`${seconds}Z`) + Number(`0${fraction}`) * 1000
}
