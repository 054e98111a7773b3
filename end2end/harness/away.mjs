// Stops every consumer for a minute while people work; afterwards each catches up, and has made of
// history what it would have made of it all along.
//
//   node harness/away.mjs
//   options: --seconds 60 (how long they are stopped)   --people 8   --pace 20 (ms between two commands)
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Person } from '../support/person.mjs'
import { Client } from './client.mjs'
import { onStacks, until } from './stack.mjs'

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    people: { type: 'string', default: '8' },
    pace: { type: 'string', default: '20' },
  },
})

await onStacks(['cluster'], async (stack, _, name) => {
  const broken = []
  const clients = await Promise.all(Array.from({ length: +options.people }, async () => new Client(await Person.register(stack.url))))
  const consumers = stack.of('consumers')
  await Promise.all(consumers.map(process => process.kill()))
  const stopping = new AbortController()
  const work = Promise.all(clients.map(client => client.run(stopping.signal, +options.pace)))
  await sleep(options.seconds * 1000)
  stopping.abort()
  await work
  const commands = clients.reduce((sum, client) => sum + client.commands.length, 0)
  const unread = Number(await stack.value('select sum(last_seq) from streams'))

  const start = performance.now()
  consumers.forEach(process => process.start())
  await stack.settled()
  await until('nobody is behind', async () => (await stack.measure('todo_consumer_lag')) === 0, 120, 100)
  const seconds = (performance.now() - start) / 1000
  broken.push(...(await stack.inconsistencies()))
  const letters = Number(await stack.value('select count(*) from dead_letters'))
  if (letters > 0) broken.push(`${letters} events became dead letters`)
  console.log(`${name}: ${commands} commands, ${unread} events, while no consumer ran for ${options.seconds} s; all caught up ${seconds.toFixed(1)} s after they were started`)
  return broken
})
