// Kills, freezes and crashes every part while people work, then proves that nothing was lost, done
// twice, unseen, out of order or wrong. See checker.mjs for what is proved.
//
//   node harness/crash.mjs                                  60 s on each stack
//   node harness/crash.mjs --stack sqlite --cycles 100      as many faults instead
//   options: --seconds 60   --people 8   --pace 0 (ms a person rests between two commands)
//            --only TEXT (faults whose name holds it)   --check (exit 1 if recovery takes longer
//            than promised)
//
// `sqlite`: one process. `cluster`: web, two relays and two consumers, on a PostgreSQL and a Kafka of
// its own. Labels (TODO_CRASH_AT) need a debug binary: TODO_BIN, or the newest that was built.
import { parseArgs } from 'node:util'
import { Person } from '../support/person.mjs'
import { CLASSES, check, summary } from './checker.mjs'
import { Client, Window, history, older } from './client.mjs'
import { faults } from './faults.mjs'
import { onStacks, quantile, until } from './stack.mjs'

/** What recovery may take, at the 99th percentile, in seconds: by the first word of the fault's name.
 * Building a read model anew takes as long as history is. */
const PROMISED = { app: 5, web: 5, relay: 15, consumer: 15, PostgreSQL: 15, Kafka: 15, at: 15 }

const { values: options } = parseArgs({
  options: {
    stack: { type: 'string', multiple: true, default: ['sqlite', 'cluster'] },
    seconds: { type: 'string', default: '60' },
    cycles: { type: 'string' },
    people: { type: 'string', default: '8' },
    pace: { type: 'string', default: '0' },
    only: { type: 'string', default: '' },
    check: { type: 'boolean', default: false },
  },
})

await onStacks(options.stack, torment)

async function torment(stack, services, name) {
  const [victim, probe, ...others] = await Promise.all(Array.from({ length: +options.people + 2 }, async () => new Client(await Person.register(stack.url))))
  Object.assign(victim, { garbage: 0, redriven: 0 })
  const clients = [victim, probe, ...others]
  const windows = new Map(clients.map(({ person }) => [person, [new Window(person, { keep }), new Window(person, { keep })]]))
  const stopping = new AbortController()
  const work = Promise.all(others.map(client => client.run(stopping.signal, +options.pace)))
  const times = await cycles({ stack, services, victim, rebuild: () => forget(stack) }, probe, windows.get(probe.person)[0])
  stopping.abort()
  await work
  return report(name, stack, clients, windows, times, victim)
}

/** What is to be remembered of what a window was sent: there may be very many. */
function keep({ seq, event: { event_id } }) {
  return { seq, event: { event_id } }
}

/** One fault after the other, each after the last one is recovered from; the times that took. */
async function cycles(world, probe, window) {
  const all = Object.entries(faults(world)).filter(([name]) => name.includes(options.only))
  const times = []
  const end = Date.now() + options.seconds * 1000
  // Each in turn, in an order that differs each round: even a short run meets most.
  for (let queue = []; options.cycles ? times.length < options.cycles : Date.now() < end; ) {
    if (queue.length === 0) queue = all.map(fault => [Math.random(), fault]).sort(([a], [b]) => a - b).map(([, fault]) => fault)
    const [name, fault] = queue.pop()
    const start = Date.now()
    const healed = await fault()
    await recovered(probe, window)
    times.push({ name, ms: performance.now() - healed })
    if (process.env.VERBOSE) console.log(`${name}: ${Date.now() - start} ms, recovered after ${Math.round(times.at(-1).ms)} ms`)
  }
  return times
}

/** A command is acknowledged, and its event is in the window and in the feed. */
async function recovered(probe, window) {
  const { event } = await probe.create('Still there?')
  await until('the window hears of the event', () => window.cursor >= event.seq, 120)
  await until('the feed tells of the event', async () => (await older(probe.person, event.seq + 1)).entries[0]?.seq === event.seq, 120)
  await probe.issue('/api/tasks/delete', { task_id: probe.tasks.pop() })
}

/** The read model of `activity` is lost, all of it in one moment. */
async function forget(stack) {
  await stack.sql("delete from activity; delete from activity_titles; delete from consumer_progress where consumer = 'activity'")
}

async function report(name, stack, clients, windows, times, victim) {
  const violations = []
  let events = 0
  for (const client of clients) {
    const made = await history(client, windows.get(client.person))
    violations.push(...check(made))
    events += made.store.length
  }
  const failures = [...summary(violations), ...(await afterwards(stack, victim))]
  const commands = clients.reduce((sum, client) => sum + client.commands.length, 0)
  const unknown = clients.reduce((sum, client) => sum + client.unknown, 0)
  const reconnects = [...windows.values()].flat().reduce((sum, window) => sum + window.reconnects, 0)
  console.log(`${name}: ${times.length} faults, ${commands} commands (${unknown} times the outcome was unknown), ${events} events, ${reconnects} reconnects`)
  console.log(CLASSES.map(kind => `${kind} ${violations.filter(found => found.class === kind).length}`).join(', '))
  return [...failures, ...recovery(times)]
}

/** Nothing is left over: the state, every read model and the audit log are what history makes of them,
 * and there is no dead letter but those that were made. */
async function afterwards(stack, victim) {
  await stack.settled()
  await until('nobody is behind', async () => (await stack.measure('todo_consumer_lag')) === 0, 120, 200)
  const failures = await stack.inconsistencies()
  const letters = await stack.todo('dlq', 'list', '--limit', '1000000')
  const count = (letters.match(/^ *\d+ {2}\d{4}-/gm) ?? []).length
  const expected = victim.redriven + victim.garbage
  if (count !== expected) failures.push(`${count} dead letters, not ${expected}:\n${letters}`)
  return failures
}

/** Prints how long recovery took; what took longer than promised, if that is to be checked. */
function recovery(times) {
  const kinds = group(times)
  const late = []
  for (const [kind, those] of kinds) {
    const at = q => quantile(those.map(({ ms }) => ms), q) / 1000
    console.log(`  ${kind.padEnd(36)} ${`${those.length}`.padStart(4)} times   recovered after p50 ${at(0.5).toFixed(2)} s, p99 ${at(0.99).toFixed(2)} s`)
    const promised = PROMISED[kind.split(' ')[0]]
    if (options.check && at(0.99) > promised) late.push(`${kind}: recovery takes longer than ${promised} s`)
  }
  return late
}

function group(times) {
  const kinds = new Map()
  for (const time of times) kinds.set(time.name, [...(kinds.get(time.name) ?? []), time])
  return new Map([...kinds].sort())
}
