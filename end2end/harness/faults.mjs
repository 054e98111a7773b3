// What can be done to an installation. Each fault is a function that does it, and returns the moment
// from which recovery is to be counted.
import { setTimeout as sleep } from 'node:timers/promises'
import { older } from './client.mjs'
import { sendLines } from './kcat.mjs'
import { until } from './stack.mjs'

const any = (from, to) => from + Math.random() * (to - from)
const passing = most => 1 + Math.floor(Math.random() * most)
/** The clock is set when everything is there again: what counts is how long it is not usable. */
const now = () => performance.now()

/** Failing events are given up soon, so that burying takes no minute. */
export const RETRY = '1,100ms,200ms'
export const POISON = 'Poison'

/** All faults of a stack by name. `world`: `{stack, services, victim}`. */
export function faults(world) {
  return world.services ? apart(world) : together(world)
}

function together({ stack, victim, rebuild }) {
  const crash = (label, most, trigger) => () => crashAt(stack, ['all'], label, most, trigger)
  return {
    'app killed': () => kill(stack, 'all'),
    'app frozen': () => freeze(stack.of('all')[0], any(200, 3000)),
    'at command:before-commit': crash('command:before-commit', 30),
    'at command:after-commit': crash('command:after-commit', 30),
    'at relay:after-publish': crash('relay:after-publish', 30),
    'at relay:after-mark': crash('relay:after-mark', 30),
    'at consumer:activity:before-commit': crash('consumer:activity:before-commit', 30),
    'at consumer:activity:after-commit': crash('consumer:activity:after-commit', 30),
    'while burying and redriving': () => buryAndRedrive(stack, ['all'], ['all'], victim),
    'while rebuilding': () => whileRebuilding(stack, ['all'], rebuild, victim),
  }
}

function apart({ stack, services, victim, rebuild }) {
  const crash = (role, label, most, trigger) => () => crashAt(stack, [role], label, most, trigger)
  return {
    'web killed': () => kill(stack, 'web'),
    'web frozen': () => freeze(stack.of('web')[0], any(200, 3000)),
    'relay killed': () => kill(stack, 'relay'),
    // Longer than the lease: another relays meanwhile, and this one wakes as a zombie.
    'relay frozen': () => freeze(stack.of('relay')[Math.floor(any(0, 2))], any(6000, 8000)),
    'consumer killed': () => kill(stack, 'consumers'),
    // Longer than the session: its partitions are another's when it wakes.
    'consumer frozen': () => freeze(stack.of('consumers')[Math.floor(any(0, 2))], any(3000, 13_000)),
    'PostgreSQL killed': () => restart(services.postgres),
    'PostgreSQL frozen': () => freeze(services.postgres, any(200, 4000)),
    'Kafka killed': () => restart(services.kafka),
    'Kafka frozen': () => freeze(services.kafka, any(200, 6000)),
    'at command:before-commit': crash('web', 'command:before-commit', 30),
    'at command:after-commit': crash('web', 'command:after-commit', 30),
    'at kafka:before-acknowledgement': crash('relay', 'kafka:before-acknowledgement', 30),
    'at relay:after-publish': crash('relay', 'relay:after-publish', 30),
    'at relay:after-mark': crash('relay', 'relay:after-mark', 30),
    'at consumer:activity:before-commit': crash('consumers', 'consumer:activity:before-commit', 30),
    'at consumer:activity:after-commit': crash('consumers', 'consumer:activity:after-commit', 30),
    'at consumer:burying': crash('consumers', 'consumer:burying', 1, () => garbage(stack, victim)),
    'while burying and redriving': () => buryAndRedrive(stack, ['consumers'], ['relay'], victim),
    'while rebuilding': () => whileRebuilding(stack, ['consumers'], rebuild, victim),
  }
}

async function kill(stack, role) {
  const those = stack.of(role)
  const process = those[Math.floor(any(0, those.length))]
  await sleep(any(0, 400)) // at any moment of what it is doing
  const at = now()
  await process.kill()
  process.start()
  return at
}

async function freeze(what, ms) {
  await what.signal('SIGSTOP')
  await sleep(ms)
  await what.signal('SIGCONT')
  return now()
}

async function restart(service) {
  await sleep(any(0, 400))
  await service.kill()
  await service.start()
  return now()
}

/** Has the processes of `roles` end at a label, then starts them as they were. */
async function crashAt(stack, roles, label, most, trigger = () => {}, env = {}) {
  const those = roles.flatMap(role => stack.of(role))
  await Promise.all(those.map(process => process.kill()))
  const [first] = those
  first.start({ ...env, TODO_CRASH_AT: `${label}:${passing(most)}` })
  // Whoever triggers it may have to wait for an answer until it runs again.
  const triggered = trigger()
  await until(`${first.name} ends at ${label}`, () => !first.isRunning, 90)
  const at = now()
  those.forEach(process => process.start(env))
  await triggered
  return at
}

/** A record that is no event, once. */
const garbage = (stack, victim) => sendLines(stack, 'task.created', [`nobody|garbage ${victim.garbage++}`])

/** An event that fails for good: the process ends while it parks, while it buries, while the relay
 * tells of it, while it redrives, and after it has. */
async function buryAndRedrive(stack, consumers, relay, victim) {
  const failing = { TODO_FAIL_AT: `activity:${POISON}`, TODO_RETRY: RETRY }
  const poison = () => victim.create(`${POISON} ${victim.commands.length}`)
  const crash = (roles, label, trigger, env) => crashAt(stack, roles, label, 1, trigger, env)
  await crash(consumers, 'consumer:activity:after-failure', poison, failing)
  await crash(consumers, 'consumer:activity:dead-lettering', poison, failing)
  // With one role for all, the relay's process fails the handler too.
  await crash(relay, 'relay:after-dead-letters', poison, relay[0] === consumers[0] ? failing : {})
  const list = status => stack.todo('dlq', 'list', '--consumer', 'activity', '--limit', '1000000', '--status', status)
  const waiting = await until('all poison is buried', async () => {
    const parked = (await list('open')).match(/^ *\d+ {2}/gm)?.map(Number) ?? []
    return parked.length === victim.commands.filter(({ form }) => form.title?.startsWith(POISON)).length - victim.redriven && parked
  })
  const redrive = ids => () => stack.todo('dlq', 'redrive', ...ids.map(String))
  await crash(consumers, 'consumer:activity:redriving', redrive(waiting.slice(0, 1)))
  const at = await crash(consumers, 'consumer:activity:after-redrive', redrive(waiting.slice(1)))
  await until('all poison is redriven', async () => /^0 dead/m.test((await list('open')) + '') && /^0 dead/m.test(await list('redriving')))
  victim.redriven += waiting.length
  return at
}

/** The read model is lost, and so is the process that builds it anew. Who does something is built
 * first; the victim does nothing by itself. */
async function whileRebuilding(stack, roles, rebuild, victim) {
  await Promise.all(roles.flatMap(role => stack.of(role)).map(process => process.kill()))
  await rebuild()
  const at = await crashAt(stack, roles, 'consumer:activity:before-commit', 3)
  const { event } = await victim.create('Back again')
  const newest = async () => (await older(victim.person, event.seq + 1)).entries[0]?.seq === event.seq
  await until("the victim's feed is built", newest, 120)
  return at
}
