// Loses the broker with everything on it, publishes history again, and proves that nothing is lost
// and nothing happens twice: while all is quiet, and while people work. Then redrives dead letters
// that have waited for thirty days, as far as the database can tell.
//
//   node harness/wipe.mjs
//   options: --commands 400 (before the first wipe)   --people 8   --seconds 0 (goes on in rounds for
//            so long)
//
// Needs a debug binary, for TODO_FAIL_AT, and kcat.
import { parseArgs } from 'node:util'
import { Person } from '../support/person.mjs'
import { check, summary } from './checker.mjs'
import { Client, Window, history } from './client.mjs'
import { POISON, RETRY } from './faults.mjs'
import { readAll, sendLines } from './kcat.mjs'
import { onStacks, until } from './stack.mjs'

const { values: options } = parseArgs({
  options: {
    commands: { type: 'string', default: '400' },
    people: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '0' },
  },
})

const POISONED = 5
const GARBAGE = 20
const MONTH = 30n * 24n * 3600n * 1_000_000n
const TYPES = ['task.created', 'task.updated', 'task.completed', 'task.reopened', 'task.deleted', 'task.restored', 'task.purged', 'user.registered', 'dead_letter.redriven', 'dead_letter.discarded', 'endpoint.disabled']

await onStacks(['cluster'], torment, { TODO_FAIL_AT: `activity:${POISON}`, TODO_RETRY: RETRY })

async function torment(stack, services) {
  const broken = []
  const say = what => broken.push(what)
  const clients = await Promise.all(Array.from({ length: +options.people + 1 }, async () => new Client(await Person.register(stack.url))))
  const windows = new Map(clients.map(({ person }) => [person, [new Window(person), new Window(person)]]))
  const [victim, ...others] = clients
  await Promise.all(others.map(async client => {
    while (client.commands.length < options.commands / others.length) await client.anything()
  }))
  for (let i = 0; i < POISONED; i++) await victim.create(`${POISON} ${i}`)
  await sendLines(stack, 'task.created', Array.from({ length: GARBAGE }, (_, i) => `nobody|garbage ${i}`))
  await until('what is poison is buried', async () => Number(await stack.value('select count(*) from dead_letters')) === POISONED + GARBAGE, 60, 200)

  const start = Date.now()
  let wipes = 0
  do {
    if (process.env.VERBOSE) console.log(new Date().toISOString(), 'in quiet')
    await wipedInQuiet(stack, services, say)
    if (process.env.VERBOSE) console.log(new Date().toISOString(), 'at work')
    await wipedAtWork(stack, services, others)
    wipes += 2
  } while (Date.now() - start < options.seconds * 1000)
  const took = (Date.now() - start) / 1000
  await afterAMonth(stack, say)
  const violations = []
  for (const client of clients) violations.push(...check(await history(client, windows.get(client.person))))
  await stack.todo('verify').catch(error => say(`todo verify: ${error.stdout ?? error}`))
  console.log(`cluster: ${wipes} wipes in ${took.toFixed(0)} s, ${await stack.value('select count(*) from events')} events, ${POISONED} dead letters redriven after 30 days, ${GARBAGE} records that were no events`)
  return [...broken, ...summary(violations)]
}

/** Stops Kafka, loses its disk, starts it, publishes everything again. */
async function wipe(stack, services) {
  await services.kafka.stop()
  await services.kafka.wipe()
  await services.kafka.start()
  await stack.todo('republish', '--from', '1')
}

/** Nothing is applied again, and Kafka has everything again. */
async function wipedInQuiet(stack, services, say) {
  const look = async () => ({
    'the read model': await checksum(stack),
    'how many events were applied': await stack.measure('todo_consumer_events_total', 'consumer="activity",outcome="ok"'),
    'how many dead letters there are': await stack.value('select count(*) from dead_letters'),
  })
  await stack.settled()
  const before = await look()
  await wipe(stack, services)
  await stack.settled()
  await until('nobody is behind', async () => (await stack.measure('todo_consumer_lag')) === 0, 60, 200)
  const after = await look()
  for (const what of Object.keys(before)) {
    if (before[what] !== after[what]) say(`${what} was ${before[what]} before Kafka was lost, and is ${after[what]}`)
  }
  const headers = (await readAll(stack, TYPES, '%h\n')).split('\n')
  const published = new Set(headers.map(line => /\bce_id=([0-9a-f-]+)/.exec(line)?.[1]))
  const lost = (await stack.sql('select event_id from events')).filter(({ event_id }) => !published.has(event_id))
  if (lost.length) say(`${lost.length} events are not in Kafka again`)
  const letters = new Set((await readAll(stack, TYPES.map(type => `${type}.dlq`), '%h\n')).split('\n').map(line => /\bdlq_id=(\d+)/.exec(line)?.[1]))
  const gone = (await stack.sql('select dead_letter_id from dead_letters')).filter(({ dead_letter_id }) => !letters.has(dead_letter_id))
  if (gone.length) say(`${gone.length} dead letters are not in Kafka again`)
}

/** Whatever people did meanwhile is seen by everybody; the checker looks at the end. */
async function wipedAtWork(stack, services, clients) {
  const stopping = new AbortController()
  const work = Promise.all(clients.map(client => client.run(stopping.signal, 100)))
  await wipe(stack, services)
  stopping.abort()
  await work
  await stack.settled()
}

/** Everything moves thirty days back; then the handler is mended, and the dead letters redriven. */
async function afterAMonth(stack, say) {
  const columns = { events: ['occurred_at', 'published_at'], activity: ['occurred_at'], dead_letters: ['first_at', 'last_at', 'published_at'] }
  for (const [table, names] of Object.entries(columns)) await stack.sql(`update ${table} set ${names.map(name => `${name} = ${name} - ${MONTH}`).join(', ')}`)
  const others = `where title not like '${POISON}%'`
  const before = await checksum(stack, others)
  for (const process of stack.of('consumers')) {
    await process.kill()
    process.start({ TODO_FAIL_AT: '' })
  }
  const ids = (await stack.sql("select dead_letter_id from dead_letters where consumer = 'activity' and status = 'open'")).map(row => row.dead_letter_id)
  if (ids.length !== POISONED) say(`${ids.length} dead letters are open, not ${POISONED}`)
  await stack.todo('dlq', 'redrive', ...ids)
  await stack.settled()
  const again = await stack.todo('dlq', 'redrive', ...ids).catch(error => error.stdout)
  if (again.match(/is redriven already/g)?.length !== ids.length) say(`a dead letter could be redriven twice: ${again}`)
  const [consumer] = stack.of('consumers')
  await stack.todo('republish', '--from', '1')
  await consumer.kill()
  consumer.start({ TODO_FAIL_AT: '' })
  await stack.settled()
  const lines = Number(await stack.value('select count(*) from activity'))
  const events = Number(await stack.value('select count(*) from events'))
  if (lines !== events) say(`the feeds have ${lines} lines for ${events} events`)
  const poison = Number(await stack.value(`select count(*) from activity where title like '${POISON}%'`))
  if (poison !== POISONED) say(`${POISONED} redriven events have ${poison} lines in the feed`)
  if ((await checksum(stack, others)) !== before) say('redriving changed lines of others')
}

/** Of the read model `activity`, without what decisions on dead letters add to it. */
async function checksum(stack, condition = 'where true') {
  const lines = await stack.checksum(`select * from activity ${condition} and user_id <> 'user-system' order by user_id, seq`)
  return `${lines} ${await stack.checksum(`select * from activity_titles ${condition} order by task_id`)}`
}
