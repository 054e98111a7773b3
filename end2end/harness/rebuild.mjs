// Builds the read model `activity` from a long history, and builds it again by `todo rebuild` while
// people read it: the same to the byte, no read fails or sees less than there was, no window is told
// anything again.
//
//   node harness/rebuild.mjs                         20,000 events, on each stack
//   node harness/rebuild.mjs --events 1000000
//   options: --stack sqlite   --people 8   --seconds 0 (builds it again and again for so long)
//
// History is written by SQL, as commands would have: tasks that were made, changed and deleted again.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Person } from '../support/person.mjs'
import { Client, Window, older, page } from './client.mjs'
import { onStacks, quantile, until } from './stack.mjs'

const { values: options } = parseArgs({
  options: {
    stack: { type: 'string', multiple: true, default: ['sqlite', 'cluster'] },
    events: { type: 'string', default: '20000' },
    people: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '0' },
  },
})

/** Rows in one transaction. */
const ROWS = 5000
/** How many events a task has. */
const LIFE = 6
/** Beyond what the tables give. */
const FIRST_TASK = 1_000_000_000
/** So many events a second have to be built at the least. */
const SLOWEST = 100

await onStacks(options.stack, async (stack, _, name) => {
  const broken = []
  const [worker, ...readers] = await Promise.all(Array.from({ length: +options.people + 1 }, () => Person.register(stack.url)))
  await Promise.all(readers.map(person => person.create('Still to be done')))
  await stack.settled()
  await Promise.all(stack.processes.map(process => process.kill()))
  const total = await writeHistory(stack, worker)
  const patience = 120 + total / SLOWEST
  const first = await timed(async () => {
    for (const process of stack.processes) process.start()
    await stack.ready()
    await stack.settled(patience)
  })
  const before = await checksum(stack, worker)
  const last = (await page(readers[0])).feed.seq
  const windows = readers.map(person => new Window(person, { after: last }))
  await until('every window is live', () => windows.every(({ live }) => live !== undefined))

  const client = new Client(worker)
  const stopping = new AbortController()
  const reads = { whole: 0, short: 0, failed: 0 }
  const writes = []
  const work = Promise.all([...readers.map(person => read(person, last, stopping.signal, reads)), write(client, stopping.signal, writes)])
  const rebuilds = []
  const start = Date.now()
  do {
    rebuilds.push(await timed(async () => {
      await stack.todo('rebuild', 'activity')
    }))
    await stack.settled(patience)
    if ((await checksum(stack, worker)) !== before) broken.push('the read model is another after it was built again')
  } while (Date.now() - start < options.seconds * 1000)
  stopping.abort()
  await work
  const told = windows.reduce((sum, { seen }) => sum + seen.length, 0)
  if (told > 0) broken.push(`windows were told ${told} events again`)
  if (reads.failed > 0) broken.push(`${reads.failed} reads failed`)
  if (reads.short > 0) broken.push(`${reads.short} reads saw a feed that was not whole`)
  const letters = await stack.value('select count(*) from dead_letters')
  if (Number(letters) > 0) broken.push(`${letters} events became dead letters`)
  await stack.todo('verify').catch(error => broken.push(`todo verify: ${error.stdout ?? error}`))
  const rate = seconds => `${seconds.toFixed(1)} s (${Math.round(total / seconds)} events a second)`
  console.log(`${name}: ${total} events; published and built in ${rate(first)}; built again ${rebuilds.length} times, in ${rebuilds.map(rate).join(', ')}`)
  console.log(`  meanwhile ${reads.whole + reads.short} reads, ${reads.failed} failed, ${reads.short} saw a feed that was not whole; ${writes.length} commands of somebody else, p50 ${quantile(writes, 0.5)?.toFixed(0)} / p99 ${quantile(writes, 0.99)?.toFixed(0)} ms`)
  return broken
})

/** The page and the lines before it, again and again. */
async function read(person, last, stopping, reads) {
  while (!stopping.aborted) {
    try {
      const { feed } = await page(person)
      await older(person, last)
      reads[feed.seq >= last ? 'whole' : 'short']++
    } catch {
      reads.failed++
    }
    await sleep(50)
  }
}

async function write(client, stopping, times) {
  while (!stopping.aborted) {
    const start = performance.now()
    await client.anything()
    times.push(performance.now() - start)
    await sleep(50)
  }
}

async function timed(work) {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

/** Of everybody's lines but of those who do something meanwhile. */
async function checksum(stack, worker) {
  const others = `user_id in (select user_id from users where email <> '${worker.email}')`
  const lines = await stack.checksum(`select * from activity where ${others} order by user_id, seq`)
  const titles = await stack.checksum(`select * from activity_titles where task_id in (select task_id from tasks where ${others}) order by task_id`)
  return `${lines} ${titles}`
}

/** Of everybody but the worker; how many events there are in all. */
async function writeHistory(stack, worker) {
  const people = await stack.sql(`select user_id, last_seq from streams where user_id in (select user_id from users where email <> '${worker.email}')`)
  const tasks = Math.ceil(options.events / people.length / LIFE)
  const began = (Date.now() - tasks * LIFE * 1000) * 1000
  let rows = []
  const flush = async () => {
    await stack.sql(`insert into events (event_id, event_type, version, user_id, seq, actor_id, task_id, occurred_at, data) values ${rows.join(',\n')}`)
    rows = []
  }
  for (let task = 0; task < tasks; task++) {
    for (const [i, { user_id, last_seq }] of people.entries()) {
      const life = lifeOf(FIRST_TASK + task * people.length + i, user_id, began + task * LIFE * 1_000_000)
      rows.push(...life.map((event, step) => row(event, user_id, Number(last_seq) + task * LIFE + step + 1)))
    }
    if (rows.length > ROWS || task === tasks - 1) await flush()
  }
  const quoted = people.map(({ user_id }) => `'${user_id}'`).join(', ')
  await stack.sql(`update streams set last_seq = last_seq + ${tasks * LIFE} where user_id in (${quoted})`)
  // As if it had happened before there was a trash.
  await stack.sql('update trash_start set position = (select max(position) from events)')
  return Number(await stack.value('select count(*) from events'))
}

/** From its making to its end: type, time and data of each event. */
function lifeOf(task_id, user_id, micros) {
  const [old, title] = [`Task ${task_id}`, `Milk for ${task_id}`]
  const events = [
    ['task.created', at => ({ title: old, description: '', completed: false, created_at: at })],
    ['task.updated', at => ({ changes: { title: { old, new: title } }, updated_at: at })],
    ['task.completed', at => ({ title, completed_at: at, duration_minutes: 0 })],
    ['task.reopened', at => ({ title, reopened_at: at })],
    ['task.updated', at => ({ changes: { description: { old: '', new: 'It is urgent.' } }, updated_at: at })],
    ['task.deleted', at => ({ title, deleted_at: at, reason: 'user_requested' })],
  ]
  return events.map(([type, data], i) => {
    const at = micros + i * 1_000_000
    return { type, task_id, at, data: { task_id, user_id, ...data(new Date(at / 1000).toISOString()) } }
  })
}

function row({ type, task_id, at, data }, user_id, seq) {
  return `('${version7(at)}', '${type}', '1.0', '${user_id}', ${seq}, '${user_id}', ${task_id}, ${at}, '${JSON.stringify(data)}')`
}

/** A UUID that sorts by time of birth. */
function version7(micros) {
  const time = Math.floor(micros / 1000).toString(16).padStart(12, '0')
  const rest = randomUUID().slice(15)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest}`
}
