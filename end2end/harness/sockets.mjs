// Very many windows, of which some do not read and some lose their connection, again and again. Each
// has to be told 1, 2, 3 … of its person, and one that does not read may not cost the server much.
//
//   node harness/sockets.mjs                                  200 windows, 200 drops, on each stack
//   node harness/sockets.mjs --sockets 1000 --drops 1000
//   options: --stack sqlite   --stalled 10   --seconds 10 (at least)
//
// Windows that do not read belong to people with long texts, so that there is something to hold. What
// is held for them is what the process has more than when as many that read had been sent the same.
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Person } from '../support/person.mjs'
import { check, summary } from './checker.mjs'
import { Client, Window, history } from './client.mjs'
import { onStacks, quantile, until } from './stack.mjs'

const { values: options } = parseArgs({
  options: {
    stack: { type: 'string', multiple: true, default: ['sqlite', 'cluster'] },
    sockets: { type: 'string', default: '200' },
    drops: { type: 'string', default: '200' },
    stalled: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '10' },
  },
})

/** A person may have 50; a dropped one is there until the server has noticed. */
const EACH = 25
/** So many that do not read belong to one person. */
const STALLED = 5
/** What may be held for a window that does not read, in bytes. */
const HELD = 1024 * 1024
/** Texts of 60 KiB: what the network takes without anybody reading it, and twice as much again. */
const LONG = 60 * 1024
const BEFORE = 40
const MEANWHILE = 8

await onStacks(options.stack, async (stack, _, name) => {
  const server = stack.of('all')[0] ?? stack.of('web')[0]
  const newClients = count => Promise.all(Array.from({ length: count }, async () => new Client(await Person.register(stack.url))))
  const clients = await newClients(Math.ceil(options.sockets / EACH))
  const verbose = await newClients(Math.ceil(options.stalled / STALLED))
  await Promise.all(verbose.map(client => write(client, BEFORE)))
  const owners = Array.from({ length: +options.stalled }, (_, i) => verbose[i % verbose.length])
  const before = await readers(server, owners)

  const delays = []
  const windows = new Map([...clients, ...verbose].map(({ person }) => [person, []]))
  const stalled = await Promise.all(owners.map(async ({ person }) => {
    const window = new Window(person, { keep: remember })
    await window.stall()
    return window
  }))
  const held = ((await memoryOf(server, verbose)) - before) / stalled.length
  const opened = Date.now()
  for (let i = 0; i < options.sockets; i++) {
    const { person } = clients[i % clients.length]
    const keep = event => {
      const happened = Date.parse(event.event.timestamp)
      if (happened > opened) delays.push(Date.now() - happened)
      return remember(event)
    }
    windows.get(person).push(new Window(person, { keep }))
  }
  const all = () => [...windows.values()].flat()
  await until('every window is live', () => all().every(({ live }) => live !== undefined))

  const stopping = new AbortController()
  const work = Promise.all(clients.map(client => client.run(stopping.signal, 200)))
  await drop(all())
  stopping.abort()
  await work
  stalled.forEach((window, i) => {
    window.resume()
    windows.get(owners[i].person).push(window)
  })
  const violations = []
  for (const client of [...clients, ...verbose]) violations.push(...check(await history(client, windows.get(client.person))))
  const messages = all().reduce((sum, { seen }) => sum + seen.length, 0)
  const resumed = all().reduce((sum, { reconnects }) => sum + reconnects, 0)
  console.log(`${name}: ${all().length} windows, ${stalled.length} of them stalled; ${resumed} reconnects; ${messages} events told, p50 ${quantile(delays, 0.5)} / p99 ${quantile(delays, 0.99)} ms after they happened, outages included`)
  console.log(`  held for each stalled one: ${Math.max(0, held / 1024).toFixed(0)} KiB`)
  all().forEach(window => window.close())
  return [...summary(violations), ...(held > HELD ? [`${(held / 1024).toFixed(0)} KiB are held for each window that does not read, more than ${HELD / 1024}`] : [])]
})

/** Losing connections at random, evenly over the time. */
async function drop(windows) {
  const drops = Number(options.drops)
  for (let i = 0; i < drops; i++) {
    await sleep((options.seconds * 1000) / drops)
    windows[Math.floor(Math.random() * windows.length)].drop()
  }
}

/** Long texts, another each time. */
async function write(client, times) {
  const task_id = client.tasks[0] ?? (await client.create('Notes')).event.event.data.task_id
  for (let i = 0; i < times; i++) await client.issue('/api/tasks/edit', { task_id, title: 'Notes', description: `${i % 10}`.repeat(LONG + i) })
}

/** As many windows that read as there will be that do not, until the process has what it needs for
 * that; its memory then. */
async function readers(server, owners) {
  let memory = 0
  for (let i = 0; i < 2; i++) {
    const windows = owners.map(({ person }) => new Window(person, { keep: () => {} }))
    const live = () => windows.every(({ live, cursor }) => live >= cursor && cursor > 0)
    await until('they have read everything', live)
    memory = await memoryOf(server, [...new Set(owners)])
    await until('they are told what is new', live)
    windows.forEach(window => window.close())
  }
  return memory
}

/** The most memory the process has while more is written, and a little longer. */
async function memoryOf(server, clients) {
  let most = 0
  let writing = true
  const done = Promise.all(clients.map(client => write(client, MEANWHILE))).finally(() => (writing = false))
  for (let end = Infinity; Date.now() < end; await sleep(50)) {
    most = Math.max(most, server.memory)
    if (!writing && end === Infinity) end = Date.now() + 1000
  }
  await done
  return most
}

function remember({ seq, event: { event_id } }) {
  return { seq, event: { event_id } }
}
