// Whether a change can be followed through a real Jaeger and a real Zipkin, on each transport.
//
//   node harness/traces.mjs      on a Jaeger and a Zipkin of its own (scripts/observers)
//   options: --transport embedded|kafka (more than once)
//            --otlp http://127.0.0.1:4318   --jaeger http://127.0.0.1:16686   --zipkin http://127.0.0.1:9411
//            (on those that run there instead)
//
// Kafka is tried when TEST_KAFKA_BROKERS and TEST_POSTGRES_URL are set (see playwright.config.ts). One
// task is made as a browser within a trace would, and the trace is read back from both. Exits 1 unless
// each of them has one trace, of one tree: request -> command, publish, consumers -> socket. The first
// time, Jaeger is built, which takes minutes.
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import WebSocket from 'ws'
import { Observers } from '../support/observers.mjs'
import { Person } from '../support/person.mjs'
import { Todo, newestBinary } from '../support/server.mjs'

/** Every step, and the one it has to be a child of. */
const TREE = {
  'POST /api/tasks': 'the browser',
  command: 'POST /api/tasks',
  publish: 'POST /api/tasks',
  'consume activity': 'POST /api/tasks',
  'consume live': 'POST /api/tasks',
  'socket send': 'consume live',
}

const { values: options } = parseArgs({
  options: {
    otlp: { type: 'string' },
    jaeger: { type: 'string' },
    zipkin: { type: 'string' },
    transport: { type: 'string', multiple: true },
  },
})
/** Where they listen as published. */
const usual = { otlp: 'http://127.0.0.1:4318', jaeger: 'http://127.0.0.1:16686', zipkin: 'http://127.0.0.1:9411' }
const given = options.otlp || options.jaeger || options.zipkin
const addresses = given ? { ...usual, ...options } : await Observers.start()
const withKafka = process.env.TEST_KAFKA_BROKERS && process.env.TEST_POSTGRES_URL
const transports = options.transport ?? ['embedded', ...(withKafka ? ['kafka'] : [])]

for (const transport of transports) {
  const todo = await Todo.start(transport, newestBinary(), {
    TODO_OTLP_ENDPOINT: addresses.otlp,
    TODO_ZIPKIN_ENDPOINT: `${addresses.zipkin}/api/v2/spans`,
  })
  try {
    const browser = { traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') }
    await makeTask(todo, browser)
    await report(transport, 'jaeger', browser, fromJaeger)
    await report(transport, 'zipkin', browser, fromZipkin)
  } finally {
    await todo.stop()
  }
}
if (!withKafka && !options.transport) console.log('kafka: not tried, TEST_KAFKA_BROKERS and TEST_POSTGRES_URL are not set')

/** Makes a task within the browser's trace while a window of the person is open and live. */
async function makeTask(todo, { traceId, spanId }) {
  const person = await Person.register(todo.url)
  const headers = { origin: person.url, cookie: `todo=${person.cookie}` }
  // What comes before the live consumer has joined, a socket reads from the event store.
  while (!(await metrics(todo)).includes('todo_consumer_events_total{consumer="live",outcome="ok"}')) {
    await person.create('Warm-up')
  }
  const socket = new WebSocket(`${todo.url.replace('http', 'ws')}/live?after=0`, { headers })
  const closed = once(socket, 'close').then(() => Promise.reject(new Error('the socket was closed')))
  const received = expected =>
    new Promise(resolve => socket.on('message', frame => JSON.parse(frame).type === expected && resolve()))
  await Promise.race([closed, received('live')])
  const ours = new Promise(resolve =>
    socket.on('message', frame => JSON.parse(frame).traceparent?.includes(traceId) && resolve()),
  )
  person.traceparent = `00-${traceId}-${spanId}-01`
  await person.create('Follow me')
  await Promise.race([closed, ours])
  socket.terminate()
  closed.catch(() => {})
}

async function metrics(todo) {
  return (await fetch(`${todo.url}/metrics`)).text()
}

async function report(transport, name, browser, read) {
  const end = Date.now() + 15_000
  let spans = []
  const nameOf = id => (id === browser.spanId ? 'the browser' : spans.find(span => span.id === id)?.name)
  const missing = () => Object.keys(TREE).filter(step => !spans.some(span => span.name === step))
  const orphans = () => spans.filter(span => !nameOf(span.parent))
  while ((missing().length > 0 || orphans().length > 0) && Date.now() < end) {
    await sleep(200)
    spans = await read(browser.traceId)
  }
  console.log(`${transport}, ${name}: trace ${browser.traceId}, ${spans.length} spans`)
  const start = Math.min(...spans.map(span => span.micros))
  for (const { name, kind, parent, micros, took } of spans.sort((a, b) => a.micros - b.micros)) {
    const ms = time => (time / 1000).toFixed(1).padStart(6)
    console.log(`  ${name.padEnd(18)} ${kind.padEnd(8)} of ${(nameOf(parent) ?? 'nobody').padEnd(16)} at ${ms(micros - start)} ms for ${ms(took)} ms`)
  }
  // Whatever else the trace tells of has its place in the tree too.
  for (const { name } of orphans()) {
    console.error(`  ${name}: its parent is not in the trace`)
    process.exitCode = 1
  }
  for (const [step, expected] of Object.entries(TREE)) {
    const found = spans.filter(span => span.name === step)
    const parents = found.map(span => nameOf(span.parent))
    if (found.length === 1 && parents[0] === expected) continue
    console.error(`  ${step}: expected once, as a child of ${expected}; found ${found.length}, of ${parents.join(', ') || 'none'}`)
    process.exitCode = 1
  }
}

async function fromJaeger(traceId) {
  const answer = await fetch(`${addresses.jaeger}/api/traces/${traceId}`)
  if (answer.status === 404) return []
  const { data } = await answer.json()
  return data.flatMap(trace => trace.spans).map(span => ({
    id: span.spanID,
    parent: span.references.find(reference => reference.refType === 'CHILD_OF')?.spanID,
    name: span.operationName,
    kind: span.tags.find(tag => tag.key === 'span.kind')?.value ?? '',
    micros: span.startTime,
    took: span.duration,
  }))
}

async function fromZipkin(traceId) {
  const answer = await fetch(`${addresses.zipkin}/api/v2/trace/${traceId}`)
  if (answer.status === 404) return []
  return (await answer.json()).map(span => ({
    id: span.id,
    parent: span.parentId,
    // Zipkin keeps names in lower case.
    name: Object.keys(TREE).find(step => step.toLowerCase() === span.name) ?? span.name,
    kind: span.kind?.toLowerCase() ?? '',
    micros: span.timestamp,
    took: span.duration,
  }))
}
