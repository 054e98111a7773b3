// A handler that keeps failing for some people: whether it is tried as often and when the policy says,
// and whether anybody else waits.
//
//   node harness/retry.mjs                            by the default policy, 5,1s,60s: about 35 s
//   node harness/retry.mjs --policy 5,500ms,30s       the same in half the time
//   options: --stack sqlite   --failing 10 (people)   --people 5 (others)   --seconds 0 (goes on in
//            rounds for so long)   --check (exit 1 too if a single attempt is a fifth late)
//
// Needs a debug binary, for TODO_FAIL_AT. When an attempt was made, and how long to wait then, its line
// in the log says.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Person } from '../support/person.mjs'
import { check, summary } from './checker.mjs'
import { Client, Window, history, older } from './client.mjs'
import { onStacks, quantile, until } from './stack.mjs'

const { values: options } = parseArgs({
  options: {
    stack: { type: 'string', multiple: true, default: ['sqlite', 'cluster'] },
    policy: { type: 'string', default: '5,1s,60s' },
    failing: { type: 'string', default: '10' },
    people: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '0' },
    check: { type: 'boolean', default: false },
  },
})

const [RETRIES, FIRST, LONGEST] = options.policy.split(',').map(millis)
/** How much longer than the policy says a wait may be chosen. */
const JITTER = 0.1
/** How late an attempt may be made, as a part of what the policy says, its jitter included. */
const LATE = 0.2
/** How much later than chosen an attempt may be made as a rule: a busy machine is held up at times. */
const LATE_MS = 200
/** A line of the log is written a moment after the time from which the wait counts. */
const EARLY_MS = 2
/** What a change of somebody who does not fail may take to the feed; or twice what it took while as
 * many did the same and nothing failed, on a machine that is slow. */
const DELAYED_MS = 500
/** How long others are watched before anything fails. */
const HARMLESS_MS = 5000

await onStacks(options.stack, torment, {
  TODO_RETRY: options.policy,
  TODO_FAIL_AT: 'activity:Poison',
  TODO_LOG: 'warn',
  TODO_LOG_FORMAT: 'json',
})

async function torment(stack, _, name) {
  const broken = []
  const clients = await Promise.all(Array.from({ length: +options.people }, async () => new Client(await Person.register(stack.url))))
  const stopping = new AbortController()
  const times = { before: [], during: [] }
  let now = times.before
  const work = Promise.all(clients.map(async client => {
    while (!stopping.signal.aborted) {
      const [into, took] = [now, await change(client)]
      into.push(took)
      await sleep(100)
    }
  }))
  /** As many people as are to fail, who are new. */
  const newcomers = async () => {
    // Hashing passwords keeps a machine busy, which is not what is measured.
    now = []
    return Promise.all(Array.from({ length: +options.failing }, async () => new Client(await Person.register(stack.url))))
  }
  const harmless = await newcomers()
  now = times.before
  const quiet = sleep(HARMLESS_MS)
  await threeOfEach(harmless, 'Harmless')
  await Promise.all(harmless.map(client => told(client, 4)))
  await quiet
  const waits = []
  const start = Date.now()
  do {
    const failing = await newcomers()
    now = times.during
    waits.push(...(await round(stack, failing, broken)))
  } while (Date.now() - start < options.seconds * 1000)
  stopping.abort()
  await work
  const violations = []
  for (const client of clients) violations.push(...check(await history(client, [])))
  broken.push(...summary(violations))

  const late = waits.map(({ ms, chosen }) => ms - chosen)
  const latest = Math.max(...waits.map(({ ms, due }) => 100 * (ms / due - 1)))
  const p99 = list => `p50 ${quantile(list, 0.5).toFixed(0)} / p99 ${quantile(list, 0.99).toFixed(0)} ms`
  console.log(`${name}: ${options.policy}: ${waits.length / RETRIES} events failed ${RETRIES + 1} times each, tried again when the policy says, and ${p99(late)} later; with its jitter at most ${latest.toFixed(1)} % late`)
  console.log(`  others, from request to feed: ${p99(times.before)} of ${times.before.length} before, ${p99(times.during)} of ${times.during.length} meanwhile`)
  if (quantile(late, 0.5) > LATE_MS) broken.push(`attempts are made more than ${LATE_MS} ms late`)
  const most = Math.max(DELAYED_MS, 2 * slow(times.before))
  if (slow(times.during) > most) broken.push(`others wait more than ${most.toFixed(0)} ms for their feed while somebody's events fail`)
  return broken
}

/** The 99th percentile of many; of few, the highest that ten more are above, as a single one says
 * nothing. */
function slow(times) {
  return quantile(times, Math.min(0.99, 1 - 10 / times.length))
}

/** Makes a task or deletes it; how long it took until the feed tells of it, in ms. */
async function change(client) {
  const start = performance.now()
  const task_id = client.tasks.length > 5 && client.tasks.shift()
  const { event } = await (task_id ? client.issue('/api/tasks/delete', { task_id }) : client.create(`Task ${client.commands.length}`))
  await told(client, event.seq)
  return performance.now() - start
}

function told({ person }, seq, seconds) {
  return until(`the feed tells of event ${seq}`, async () => (await older(person, seq + 1)).entries[0]?.seq === seq, seconds)
}

/** Three tasks of each of these, who are new, the second with this title: the names of its events. */
function threeOfEach(clients, title) {
  return Promise.all(clients.map(async client => {
    await client.create('Before')
    const { event } = await client.create(title)
    await client.create('After')
    return `${event.event.data.user_id}/${event.seq}`
  }))
}

/** An event of each of `failing`, who are new, fails until it is given up, and others wait behind it.
 * Each wait in ms: how long it was, how long it was to be, and of that what is not jitter. */
async function round(stack, failing, broken) {
  const poison = await threeOfEach(failing, 'Poison')
  const all = Array.from({ length: RETRIES }, (_, i) => wait(i + 1)).reduce((sum, ms) => sum + ms)
  await Promise.all(failing.map(client => told(client, 4, 60 + (2 * all) / 1000)))
  const attempts = tried(stack)
  const waits = []
  for (const key of poison) {
    const times = attempts.get(key) ?? []
    if (times.length !== RETRIES + 1) broken.push(`${key} was tried ${times.length} times, not ${RETRIES + 1}`)
    if (times.map(({ attempt }) => attempt).join() !== Array.from({ length: times.length }, (_, i) => i + 1).join()) broken.push(`${key}: attempts are miscounted`)
    times.slice(1).forEach(({ at }, i) => {
      const { at: before, chosen } = times[i]
      const due = wait(i + 1)
      if (!(chosen >= due && chosen <= due * (1 + JITTER))) broken.push(`${key} was to wait ${chosen} ms after attempt ${i + 1}, not ${due} and up to a tenth more`)
      if (at - before < chosen - EARLY_MS) broken.push(`${key} was tried ${(at - before).toFixed(0)} ms after attempt ${i + 1}, before ${chosen} ms had gone by`)
      if (options.check && at - before > due * (1 + LATE)) broken.push(`${key} was tried ${(at - before).toFixed(0)} ms after attempt ${i + 1}, too late for ${due} ms`)
      waits.push({ ms: at - before, chosen, due })
    })
  }
  for (const client of failing) {
    const seqs = (await older(client.person, 100)).entries.map(({ seq }) => seq).join()
    if (seqs !== '4,2,1') broken.push(`the feed of somebody whose event 3 failed has ${seqs}, not 4,2,1`)
  }
  const letters = await stack.sql(`select user_id, seq, attempts from dead_letters where consumer = 'activity'`)
  for (const key of poison) {
    const found = letters.filter(({ user_id, seq }) => `${user_id}/${seq}` === key)
    if (found.length !== 1 || Number(found[0].attempts) !== RETRIES + 1) broken.push(`${key} is ${found.length} dead letters, after ${found[0]?.attempts} attempts`)
  }
  return waits
}

/** When each event was tried and how long it was to wait then, in ms, by `person/number`; from all
 * logs. */
function tried(stack) {
  const attempts = new Map()
  for (const { log } of stack.processes) {
    for (const line of readFileSync(log, 'utf8').split('\n')) {
      if (!line.includes('an event was not applied')) continue
      const { timestamp, fields } = JSON.parse(line)
      const key = `${fields.user_id}/${fields.seq}`
      attempts.set(key, [...(attempts.get(key) ?? []), { at: micros(timestamp), attempt: fields.attempts, chosen: fields.wait_ms }])
    }
  }
  for (const times of attempts.values()) times.sort((a, b) => a.at - b.at)
  return attempts
}

/** What the policy says for after so many failures, in ms. */
function wait(failures) {
  return Math.min(LONGEST, FIRST * 2 ** (failures - 1))
}

/** "250ms", "1s", "2m" in ms; a plain number as it is. */
function millis(text) {
  const [, number, unit] = /^(\d+)(ms|s|m)?$/.exec(text.trim())
  return Number(number) * { ms: 1, s: 1000, m: 60_000 }[unit ?? 'ms']
}

/** Milliseconds since 1970, with a fraction, of an RFC 3339 time. */
function micros(timestamp) {
  const [, seconds, fraction = ''] = /^(.*?)(\.\d+)?Z$/.exec(timestamp)
  return Date.parse(`${seconds}Z`) + Number(`0${fraction}`) * 1000
}
