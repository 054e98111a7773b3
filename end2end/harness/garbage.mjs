// Sends records to Kafka that are no events, among as many commands, and proves that each is a dead
// letter exactly once, and that nothing else comes of it.
//
//   node harness/garbage.mjs                     500 bad ones among 500 good ones
//   node harness/garbage.mjs --count 10000
//   options: --people 8   --seconds 0 (goes on in rounds for so long)
//
// Needs kcat. What nobody has to decide on is no dead letter: a record that repeats the name, owner
// and number of an event that is known, whatever else it says, only tells that there is that event.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Person } from '../support/person.mjs'
import { check, summary } from './checker.mjs'
import { Client, Window, history } from './client.mjs'
import { readAll, sendFile, sendLines } from './kcat.mjs'
import { onStacks, until } from './stack.mjs'

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '500' },
    people: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '0' },
  },
})

/** Of all bad records, how many are as large as a broker takes: they fill the disk. */
const LARGE = 0.01
/** How often everything is sent by kcat, in turn with everything else. */
const CHUNKS = 10
const TOPIC = 'task.created'

/** An event as it should be, of a stranger. */
function envelope(changes = {}) {
  const now = new Date().toISOString()
  const data = { task_id: 1, user_id: 'user-nobody', title: 'Forged', description: '', completed: false, created_at: now }
  return { event_id: randomUUID(), event_type: TOPIC, timestamp: now, version: '1.0', data, ...changes }
}

const HEADERS = { seq: 1, ce_actorid: 'user-nobody' }
const json = value => () => JSON.stringify(value())

/** What is no event of ours: its value, and the headers it is sent with. */
const KINDS = {
  'undecodable bytes': { value: () => Buffer.from(randomBytes(64).map(byte => (byte === 10 ? 11 : byte))), headers: HEADERS },
  'no envelope': { value: () => JSON.stringify([null, 7, 'event', {}, [[[[[[]]]]]], { event_id: 7 }][Math.floor(Math.random() * 6)]), headers: HEADERS },
  'nested without end': { value: () => '['.repeat(5000), headers: HEADERS },
  'unknown type': { value: json(() => envelope({ event_type: 'task.exploded' })), headers: HEADERS },
  'version that is none': { value: json(() => envelope({ version: 'one' })), headers: HEADERS },
  'version that never was': { value: json(() => envelope({ version: '0.1' })), headers: HEADERS },
  'newer version': { value: json(() => envelope({ version: '9.0', data: { user_id: 'user-nobody', what: 'is new' } })), headers: HEADERS },
  'data of another type': { value: json(() => envelope({ data: { user_id: 'user-nobody', title: 7 } })), headers: HEADERS },
  'no number': { value: json(envelope), headers: { ce_actorid: 'user-nobody' } },
  'number that is none': { value: json(envelope), headers: { ...HEADERS, seq: 'one' } },
  'number below 1': { value: json(envelope), headers: { ...HEADERS, seq: -1 } },
  'foreign name': { value: json(envelope), headers: HEADERS },
  'known name, other owner': { value: json(() => envelope({ event_id: known.event_id })), headers: HEADERS },
  'no value': { value: () => '', headers: HEADERS },
  'too large': { headers: HEADERS },
}
let known

await onStacks(['cluster'], async stack => {
  const broken = []
  const clients = await Promise.all(Array.from({ length: +options.people }, async () => new Client(await Person.register(stack.url))))
  const windows = new Map(clients.map(({ person }) => [person, [new Window(person), new Window(person)]]))
  const sent = new Map()
  let hints = 0
  const start = Date.now()
  do {
    const goal = clients.reduce((sum, { commands }) => sum + commands.length, 0) + Number(options.count)
    const [told] = await Promise.all([garbage(stack, clients[0], sent), commands(clients, goal)])
    hints += told
  } while (Date.now() - start < options.seconds * 1000)
  const sending = (Date.now() - start) / 1000
  await stack.settled(300)
  await until('every bad record is a dead letter', async () => Number(await stack.value('select count(*) from dead_letters')) >= sent.size, 120, 200).catch(({ message }) => broken.push(message))
  await stack.settled(300)
  await until('nobody is behind', async () => (await stack.measure('todo_consumer_lag')) === 0, 30, 200).catch(({ message }) => broken.push(message))
  const all = (Date.now() - start) / 1000
  broken.push(...(await letters(stack, sent)), ...(await histories(clients, windows)))
  const good = clients.reduce((sum, { commands }) => sum + commands.length, 0)
  console.log(`cluster: ${good} commands among ${sent.size} bad records and ${hints} hints that lie; sent in ${sending.toFixed(1)} s, done with, and nobody behind, after ${all.toFixed(1)} s`)
  for (const kind of Object.keys(KINDS)) {
    const those = [...sent].filter(([key]) => key.startsWith(`${kind} `))
    console.log(`  ${`${those.length}`.padStart(6)} ${kind}`)
  }
  return broken
})

async function commands(clients, goal) {
  const done = () => clients.reduce((sum, { commands }) => sum + commands.length, 0)
  await Promise.all(clients.map(async client => {
    while (done() < goal) await client.anything()
  }))
}

/** Sends what `--count` asks for, and remembers what it sent: by its key, the hash of its value.
 * The number of hints that lie. */
async function garbage(stack, client, sent) {
  const { event } = await client.create('Known')
  known = event.event
  const [user_id, seq] = [known.data.user_id, event.seq]
  const count = Number(options.count)
  const large = Math.max(2, Math.round(count * LARGE))
  const round = sent.size
  const names = Object.keys(KINDS).filter(kind => KINDS[kind].value)
  const keys = Array.from({ length: count - large }, (_, i) => `${names[i % names.length]} ${round + i}`)
  for (let i = 0; i < large; i++) await tooLarge(stack, `too large ${round + i}`, sent)
  const lies = { seq, ce_actorid: user_id }
  let hints = 0
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    for (const name of names) {
      const { value, headers } = KINDS[name]
      const lines = keys.filter((key, i) => i % CHUNKS === chunk && key.startsWith(`${name} `)).map(key => {
        const content = Buffer.from(value())
        sent.set(key, content.length ? hash(content) : null)
        return Buffer.concat([Buffer.from(`${key}|`), content])
      })
      if (lines.length) await sendLines(stack, TOPIC, lines, headers)
    }
    const lie = changes => `${user_id}|${JSON.stringify({ ...known, ...changes })}`
    const data = { ...known.data, title: 'Forged' }
    const told = [lie({ data }), lie({ version: '9.0', data }), lie({ data, timestamp: '2000-01-01T00:00:00Z' })]
    await sendLines(stack, TOPIC, told, lies)
    hints += told.length
  }
  return hints
}

/** From just above what is an event to just below what the broker refuses. */
async function tooLarge(stack, key, sent) {
  const content = Buffer.alloc(901 * 1024 + Math.floor(Math.random() * 122 * 1024), 'x')
  const file = join(stack.folder, 'large')
  await writeFile(file, content)
  await sendFile(stack, TOPIC, key, file, KINDS['too large'].headers)
  sent.set(key, hash(content))
}

function hash(bytes) {
  return createHash('md5').update(bytes).digest('hex')
}

/** Each is there once, byte for byte, in the table and on its topic; and nothing else is. */
async function letters(stack, sent) {
  const broken = []
  const rows = await stack.sql("select convert_from(key, 'UTF8') as key, md5(value) as hash from dead_letters")
  const topic = (await readAll(stack, [`${TOPIC}.dlq`], '%k\n')).split('\n').filter(Boolean)
  for (const [where, keys] of [['the table', rows.map(({ key }) => key)], ['the topic', topic]]) {
    const times = new Map()
    for (const key of keys) times.set(key, (times.get(key) ?? 0) + 1)
    const wrong = [...new Set([...sent.keys(), ...keys])].filter(key => times.get(key) !== (sent.has(key) ? 1 : 0))
    if (wrong.length) broken.push(`${wrong.length} records are not once in ${where} of dead letters, such as ${wrong.slice(0, 5).map(key => `${key}: ${times.get(key) ?? 0} times`).join(', ')}`)
  }
  const spoilt = rows.filter(({ key, hash }) => sent.has(key) && sent.get(key) !== hash)
  if (spoilt.length) broken.push(`${spoilt.length} dead letters have another value than their record, such as ${spoilt[0].key}`)
  return broken
}

/** Every command was carried out, and nothing else was: in the state, the feed and every window. */
async function histories(clients, windows) {
  const violations = []
  for (const client of clients) violations.push(...check(await history(client, windows.get(client.person))))
  return summary(violations)
}
