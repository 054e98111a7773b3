// What every test starts from: a server, someone with an account, and windows that say no wrong word.
import { test as base, expect, type BrowserContext, type BrowserContextOptions } from '@playwright/test'
import { Cable } from './cable.mjs'
import { Person } from './person.mjs'
import { Todo, type Transport } from './server.mjs'
import { Window } from './window'

export { expect, Person, Todo, Window }

export interface Options {
  transport: Transport
}

interface WorkerFixtures {
  /** A server for as long as it serves the tests of this worker; they do not meet, as each has its own people. */
  shared: Todo
}

interface Fixtures {
  /** The server of the test. */
  todo: Todo
  /** Someone with an account on it. */
  person: Person
  /** Opens a window: in a browser of its own, unless one is given. */
  open: (who: Person | null, options?: OpenOptions) => Promise<Window>
  /** A network of its own to the server, for a window opened with `baseURL: cable.url`. */
  cable: Cable
  /** What windows may write to the console in this test, because it provokes it. */
  expected: RegExp[]
}

interface OpenOptions extends BrowserContextOptions {
  path?: string
  /** Whether to wait until the page has taken over; pages of plain forms never do. */
  live?: boolean
  /** A window beside this one, in the same browser. */
  beside?: Window
}

export const test = base.extend<Fixtures, Options & WorkerFixtures>({
  transport: ['embedded', { option: true, scope: 'worker' }],

  shared: [
    async ({ transport }, use) => {
      const todo = await Todo.start(transport)
      await use(todo)
      await todo.stop()
    },
    { scope: 'worker', timeout: 90_000 },
  ],

  todo: async ({ shared }, use, info) => {
    const before = shared.log.length
    await use(shared)
    if (info.status !== info.expectedStatus) {
      await info.attach('todo.log', { body: shared.log.slice(before), contentType: 'text/plain' })
    }
  },

  person: async ({ todo }, use) => {
    await use(await Person.register(todo.url))
  },

  cable: async ({ todo }, use) => {
    const cable = await Cable.to(todo.port)
    await use(cable)
    cable.remove()
  },

  expected: async ({}, use) => {
    await use([])
  },

  open: async ({ browser, todo, expected }, use) => {
    const contexts: BrowserContext[] = []
    const complaints = new Set<string>()
    await use(async (who, { path = '/', beside, live, ...options } = {}) => {
      let context = beside?.page.context()
      if (!context) {
        context = await browser.newContext({ baseURL: todo.url, ...options })
        contexts.push(context)
        context.on('console', message => {
          if (['error', 'warning'].includes(message.type())) complaints.add(`${message.text()} ${message.location().url}`)
        })
        context.on('weberror', error => complaints.add(String(error.error())))
        if (who) await context.addCookies([{ name: 'todo', value: await who.login(), url: todo.url }])
      }
      const window = new Window(await context.newPage())
      await window.goto(path)
      if (live ?? (who && options.javaScriptEnabled !== false)) await window.isLive()
      return window
    })
    await Promise.all(contexts.map(context => context.close()))
    const unexpected = [...complaints].filter(text => !expected.some(pattern => pattern.test(text)))
    expect(unexpected, 'nothing is written to the console').toEqual([])
  },
})

/** The same with a server of the test's own, which it may kill, and settings of its own. */
export const testOfItsOwn = test.extend<{ settings: Record<string, string> }>({
  settings: [{}, { option: true }],

  todo: async ({ transport, settings }, use, info) => {
    const todo = await Todo.start(transport, undefined, settings)
    await use(todo)
    if (info.status !== info.expectedStatus) {
      await info.attach('todo.log', { body: todo.log, contentType: 'text/plain' })
    }
    await todo.stop()
  },
})
