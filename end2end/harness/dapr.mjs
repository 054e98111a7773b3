// Whether an application beside a real Dapr sidecar gets our events as the contract says, with the
// files of deploy/dapr as they are.
//
//   node harness/dapr.mjs                   on a Kafka, a PostgreSQL and a daprd of its own
//   options: --people 6   --rounds 8 (of seven events each)   --secure (password and TLS to Kafka)
//
// The first half of the run is quiet: each event comes once. In the second half the application is
// killed: events may come again, none may be lost. Then it fails one event for good, which has to end
// in task.created.dlq. Exits 1 unless every event came to the path of its topic, a person's in order,
// word for word, with its headers. The first time, daprd is built (scripts/dapr), which takes minutes.
import { execFile } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { Sidecar, Subscriber, daprd, settings } from '../support/dapr.mjs'
import { Person } from '../support/person.mjs'
import { Todo, freePort, newestBinary } from '../support/server.mjs'
import { Services } from '../support/services.mjs'
import { store } from './client.mjs'
import { TOPICS, differences, repeats } from './contract.mjs'
import { until } from './stack.mjs'

const POISON = 'Nobody can digest this'
/** As resiliency.yaml says: the first one and five more. */
const ATTEMPTS = 6
const run = promisify(execFile)

const { values: options } = parseArgs({
  options: {
    people: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '8' },
    secure: { type: 'boolean', default: false },
  },
})

const failures = []
const folder = await mkdtemp(join(tmpdir(), 'todo-dapr-'))
process.on('exit', () => {
  // For whoever has to find out what went wrong.
  if (process.env.TODO_KEEP) console.error(`kept: ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
})
daprd() // not while something waits for it
const services = await Services.start({ secure: options.secure })
Object.assign(process.env, { TEST_KAFKA_BROKERS: services.kafka.address, TEST_POSTGRES_URL: services.postgres.address })
// The topics by their own names: the broker is ours alone.
const todo = await Todo.start('kafka', newestBinary(), { KAFKA_PREFIX: '' })
const place = await settings(folder, services, options.secure)
const [[subscriber, sidecar], [stranger, strangers]] = await Promise.all(['subscriber', 'stranger'].map(beside))
try {
  await prove()
  await Promise.all([sidecar.kill('SIGTERM'), strangers.kill('SIGTERM')])
  await todo.stop()
} catch (error) {
  failures.push(error.stack, error.cause?.stack ?? '', sidecar.output, todo.log)
}
services.stop()
for (const failure of failures) console.error(failure)
process.exit(failures.length > 0 ? 1 : 0)

async function prove() {
  for (const child of [subscriber, stranger, sidecar, strangers]) await child.start()
  const people = await Promise.all(Array.from({ length: +options.people }, () => newcomer()))
  // Every further subscription deals out the partitions anew. Once each topic has brought something, that is over.
  await round(people[0])
  await until('an event of each topic has come', () => TOPICS.every(topic => subscriber.notes.some(({ path }) => path === `/${topic}`)))
  await everything(people)

  const quiet = await phase('nothing happens', people)
  for (const id of quiet) failures.push(`it came more than once, though nothing happened: ${id}`)
  await phase('the application is killed', people, outage)
  await poison(people[0])
  await denied()
  const events = await stored(people)
  const found = [...differences(events, subscriber.notes), ...untraced(people, events)]
  failures.push(...found)
  console.log(`${events.length} events of ${people.length} people, ${subscriber.notes.length} deliveries: ${found.length} differences`)
}

/** An application of that name, and its sidecar. */
async function beside(name) {
  const application = new Subscriber(folder, name, await freePort(), POISON)
  return [application, new Sidecar(folder, name, application, place)]
}

/** A new person, whose requests belong to a trace of their own. */
async function newcomer() {
  const person = await Person.register(todo.url)
  person.traceparent = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`
  return person
}

/** The events that do not belong to the trace of the request behind them. */
function untraced(people, events) {
  const traces = new Map(people.map(({ email, traceparent }) => [email, traceparent.split('-')[1]]))
  const whose = new Map(events.map(({ event: { data } }) => [data.user_id, traces.get(data.email)]).filter(([, trace]) => trace))
  const stray = events.filter(({ event, traceparent }) => event.event_type !== 'user.registered' && traceparent?.split('-')[1] !== whose.get(event.data.user_id))
  return stray.map(({ event, traceparent }) => `${event.event_type} ${event.event_id} is of trace ${traceparent}`)
}

/** Seven events; two tasks of the same title. */
async function round(person) {
  const named = { title: 'Très bien ✓', description: 'Milk, eggs, bread', command_id: randomUUID() }
  const first = (await person.does('/api/tasks', named)).event.data.task_id
  const second = await person.create('Très bien ✓')
  await person.edit(first, 'Milk', 'and cook dinner')
  await person.complete(first)
  await person.reopen(first)
  await person.complete(second)
  await person.delete(second)
}

/** Half of the rounds, while `meanwhile` happens; what came more than once. */
async function phase(name, people, meanwhile = async () => {}) {
  const before = subscriber.notes
  const work = people.map(async person => {
    for (let i = 0; i < options.rounds / 2; i++) await round(person)
  })
  await Promise.all([...work, meanwhile()])
  await everything(people)
  const all = subscriber.notes
  const notes = all.slice(before.length)
  const again = repeats(all).slice(repeats(before).length)
  const delays = notes.map(({ at, headers }) => at - Date.parse(headers.ce_time)).sort((a, b) => a - b)
  const [p50, p99, max] = [0.5, 0.99, 1].map(q => delays[Math.ceil(q * delays.length) - 1])
  console.log(`${name}: ${notes.length} deliveries, ${again.length} of them again; ms from the event to the application: p50 ${p50}, p99 ${p99}, max ${max}`)
  return again
}

/** Every event of these people and topics, from the event store. */
async function stored(people) {
  const all = (await Promise.all(people.map(store))).flat()
  return all.filter(({ event }) => TOPICS.includes(event.event_type))
}

/** Until everything there is has come; what does not is found at the end. */
async function everything(people) {
  const bodies = (await stored(people)).map(({ event }) => JSON.stringify(event))
  const all = () => {
    const came = new Set(subscriber.notes.map(({ body }) => body))
    return bodies.every(body => came.has(body))
  }
  await until('everything has come', all).catch(error => failures.push(error.message))
}

/** The application dies in the middle of it, and is back once the sidecar has noticed. */
async function outage() {
  const enough = subscriber.notes.length + (options.people * options.rounds * 7) / 8
  await until('a quarter has come', () => subscriber.notes.length >= enough)
  const noticed = () => sidecar.output.split('App entered un-healthy status').length
  const before = noticed()
  await subscriber.kill()
  await until('the sidecar has noticed', () => noticed() > before)
  subscriber.start()
}

/** The application fails one event for good; what comes after it is not held up for ever. */
async function poison(person) {
  await person.create(POISON)
  const after = (await person.does('/api/tasks', { title: 'Afterwards' })).event.event_id
  await until('what comes after the poison has come', () => subscriber.notes.some(({ body }) => body.includes(after)))
  const attempts = subscriber.notes.filter(({ failed }) => failed)
  if (attempts.length !== ATTEMPTS) failures.push(`the application was asked ${attempts.length} times, not ${ATTEMPTS}`)
  const letters = (await Promise.all(TOPICS.map(topic => read(`${topic}.dlq`)))).flat()
  const [letter] = letters
  const { body, headers } = attempts[0]
  if (letters.length !== 1) failures.push(`${letters.length} dead letters, not 1: ${JSON.stringify(letters)}`)
  if (letter?.topic !== 'task.created.dlq') failures.push(`the dead letter is in ${letter?.topic}`)
  if (letter?.payload !== body) failures.push(`the dead letter is ${letter?.payload}, not ${body}`)
  if (letter?.key !== headers.__key) failures.push(`the dead letter's key is ${letter?.key}, not ${headers.__key}`)
  if (!letter?.headers.includes(headers.ce_id)) failures.push(`the dead letter's headers are ${letter?.headers}`)
  const waits = attempts.slice(1).map(({ at }, i) => `${((at - attempts[i].at) / 1000).toFixed(1)} s`)
  console.log(`it fails one for good: ${attempts.length} attempts, after ${waits.join(', ')}; then it is in ${letter?.topic}`)
}

/** What is in a topic. */
async function read(topic) {
  const { stdout } = await run('kcat', ['-C', '-q', '-J', '-e', '-b', services.kafka.address, '-t', topic])
  return stdout.split('\n').filter(Boolean).map(line => JSON.parse(line))
}

/** What is denied: events of our names, and everything to an application that pubsub.yaml does not name. */
async function denied() {
  const answers = {
    'the subscriber publishes task.created': await ask(sidecar, 'publish/pubsub/task.created'),
    'a stranger publishes task.created': await ask(strangers, 'publish/pubsub/task.created'),
    'a stranger publishes task.created.dlq': await ask(strangers, 'publish/pubsub/task.created.dlq'),
    'a stranger calls the subscriber': await ask(strangers, 'invoke/subscriber/method/task.created'),
  }
  for (const [what, answer] of Object.entries(answers)) {
    if (!answer.startsWith('403')) failures.push(`${what}, and the answer is ${answer}`)
  }
  const { length } = stranger.notes
  if (length > 0) failures.push(`a stranger was given ${length} events`)
  console.log(`denied: ${Object.keys(answers).join(', ')}; a stranger was given ${length} events`)
}

async function ask({ url }, path) {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/v1.0/${path}`, { method: 'POST', headers, body: '{}' })
  return `${answer.status} ${await answer.text()}`
}
