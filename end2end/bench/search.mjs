// How long a search takes among many tasks, and how long a change takes until it is found.
//
//   node bench/search.mjs                      100,000 tasks of four people, SQLite
//   options: --tasks 100000   --people 4   --count 300   --transport embedded|kafka
//
// The release binary is measured if there is one. A search is measured as a program sees it: one
// request after the other, over HTTP, the session looked up and the tasks read from the database.
import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Person } from '../support/person.mjs'
import { Todo, fastestBinary } from '../support/server.mjs'

const { values: options } = parseArgs({
  options: {
    tasks: { type: 'string', default: '100000' },
    people: { type: 'string', default: '4' },
    count: { type: 'string', default: '300' },
    transport: { type: 'string', default: 'embedded' },
  },
})
const [tasks, count] = [+options.tasks, +options.count]

/** The same words in every run. */
let seed = 42
const random = below => (seed = (seed * 48271) % 2147483647) % below
const SYLLABLES = 'ba ke lo mi nu ra se ti vo za chi del fan gor hil jun pra ster tel wen'.split(' ')
const VOCABULARY = Array.from({ length: 20_000 }, () => Array.from({ length: 2 + random(3) }, () => SYLLABLES[random(20)]).join(''))
const COMMON = 'buy call write fix plan read book send clean pay the for with about and before after'.split(' ')
/** As in language, few words make most of the text. */
const word = () => (random(3) === 0 ? COMMON[random(COMMON.length)] : VOCABULARY[Math.floor((random(10_000) / 10_000) ** 3 * VOCABULARY.length)])
const words = length => Array.from({ length }, word).join(' ')

const QUERIES = {
  'prefix, 1 letter': () => 'bcfkprst'[random(8)],
  'prefix, 3 letters': () => VOCABULARY[random(5_000)].slice(0, 3),
  'two words, the second begun': () => `${COMMON[random(10)]} ${VOCABULARY[random(500)].slice(0, 4)}`,
  'one typing error': () => mistyped(VOCABULARY[random(5_000)], 1),
  'two typing errors': () => mistyped(VOCABULARY.find((w, i) => i > random(5_000) && w.length >= 8), 2),
  phrase: () => `"${COMMON[random(10)]} ${VOCABULARY[random(50)]}"`,
  'words, filter, one left out': () => `${COMMON[random(10)]} ${COMMON[random(10)]} is:open -${VOCABULARY[random(50)]}`,
  'ten words': () => words(10),
}

function mistyped(word, errors) {
  const letters = [...word]
  for (let i = 0; i < errors; i++) letters.splice(1 + random(letters.length - 1), 1)
  return letters.join('')
}

const binary = fastestBinary()
console.log(`${tasks} tasks of ${options.people} people, ${options.transport}, ${basename(dirname(binary))} binary`)
const todo = await Todo.start(options.transport, binary)
try {
  const people = []
  for (let i = 0; i < +options.people; i++) people.push(await Person.register(todo.url))
  await load(people)
  console.log('ms: p50 / p99 / max')
  for (const [name, query] of Object.entries(QUERIES)) {
    const times = []
    let found = 0
    for (let i = 0; i < count; i++) {
      const q = query()
      const start = performance.now()
      const { total } = await people[i % people.length].search(q)
      times.push(performance.now() - start)
      found += total
    }
    report(`${name}, ${Math.round(found / count)} found`, times)
  }
  await ownChanges(people[0])
} finally {
  await todo.stop()
}

/** Makes the tasks, and waits until the last is found. */
async function load(people) {
  const start = performance.now()
  let made = 0
  const client = async person => {
    while (made++ < tasks) await person.create(words(3 + random(5)), random(2) ? words(10 + random(30)) : '')
  }
  await Promise.all(Array.from({ length: 64 }, (_, i) => client(people[i % people.length])))
  const loaded = performance.now()
  for (const person of people) await isFound(person, await unique(person))
  console.log(`made in ${seconds(loaded - start)}, all found ${seconds(performance.now() - loaded)} later`)
}

/** From the answer that says a task is there, which is after its commit, until a search finds it. */
async function ownChanges(person) {
  const times = []
  for (let i = 0; i < count; i++) {
    const name = await unique(person)
    const start = performance.now()
    await isFound(person, name)
    times.push(performance.now() - start)
    await sleep(random(20))
  }
  report('from the commit until it is found', times)
}

async function unique(person) {
  const name = `unique${seed}x${random(1e9)}`
  await person.create(name)
  return name
}

async function isFound(person, name) {
  while ((await person.search(`"${name}"`)).total === 0);
}

function report(name, times) {
  times.sort((a, b) => a - b)
  const at = part => times[Math.min(times.length - 1, Math.floor(times.length * part))].toFixed(1)
  console.log(`${name.padEnd(48)} ${at(0.5)} / ${at(0.99)} / ${at(1)}`)
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`
}
