// Who uses the application while it is tormented, and what they remember of it.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import { until } from './stack.mjs'

/** How long an answer may take before its outcome counts as unknown. */
const PATIENCE = 10_000
const TITLES = ['Milk', 'Bread', 'Water the plants', 'Call Grace', 'Taxes', 'Très bien ✓']

const pick = list => list[Math.floor(Math.random() * list.length)]

/** Issues commands one after the other, each until its outcome is known, always by the same name. */
export class Client {
  /** @type {import('./checker.mjs').Command[]} */
  commands = []
  /** How often an outcome was unknown. */
  unknown = 0
  /** What there is to change. */
  tasks = []

  constructor(person) {
    this.person = person
  }

  /** Until `stopping` is aborted, and then to the end of the command under way. */
  async run(stopping, pace = 0) {
    while (!stopping.aborted) {
      await this.anything()
      if (pace) await sleep(pace)
    }
  }

  /** Some command or other; never more than a few tasks at once. */
  anything() {
    const task_id = pick(this.tasks)
    const title = `${pick(TITLES)} ${this.commands.length}`
    if (!task_id || (Math.random() < 0.3 && this.tasks.length < 20)) return this.create(title)
    const change = Math.random() * (this.tasks.length > 15 ? 5 : 4)
    if (change < 1) return this.issue('/api/tasks/edit', { task_id, title, description: pick(['', 'soon', 'later']) })
    if (change < 2) return this.issue('/api/tasks/complete', { task_id })
    if (change < 3) return this.issue('/api/tasks/reopen', { task_id })
    this.tasks.splice(this.tasks.indexOf(task_id), 1)
    return this.issue('/api/tasks/delete', { task_id })
  }

  async create(title) {
    const command = await this.issue('/api/tasks', { title })
    this.tasks.push(command.event.event.data.task_id)
    return command
  }

  async issue(path, form) {
    const command = { id: randomUUID(), path, form, start: performance.now(), outcome: 'unknown' }
    this.commands.push(command)
    for (; command.outcome === 'unknown'; ) {
      try {
        await this.#try(command)
      } catch {
        this.unknown++
        await sleep(20 + Math.random() * 80)
      }
    }
    command.end = performance.now()
    return command
  }

  async #try(command) {
    const { url, cookie } = this.person
    const answer = await fetch(url + command.path, {
      method: 'POST',
      headers: { origin: url, cookie: `todo=${cookie}` },
      body: new URLSearchParams({ ...command.form, command_id: command.id }),
      signal: AbortSignal.timeout(PATIENCE),
    })
    const text = await answer.text()
    if (answer.status >= 500 || answer.status === 429) throw new Error(text)
    command.event = answer.status === 200 ? JSON.parse(text) : null
    command.outcome = answer.status !== 200 ? 'refused' : command.event ? 'done' : 'nothing'
    command.status = answer.status
  }
}

/** An open window's socket. It comes back by its cursor whenever it is lost, as a browser's does. */
export class Window {
  /** Everything it was sent, in the order of its coming. */
  seen = []
  reconnects = -1
  #closed = false

  /** @param {{after?: number, longest?: number, keep?: (event: object) => unknown}} options  the last
   * event it has already, the longest it is away, and what to remember of what it is sent */
  constructor(person, { after = 0, longest = 500, keep = event => event } = {}) {
    this.person = person
    this.cursor = after
    this.longest = longest
    this.keep = keep
    this.#connect()
  }

  #connect() {
    this.reconnects++
    const { url, cookie } = this.person
    const socket = new WebSocket(`${url.replace('http', 'ws')}/live?after=${this.cursor}`, { headers: { cookie: `todo=${cookie}` }, origin: url })
    socket.on('message', frame => this.#take(JSON.parse(frame)))
    socket.on('error', () => {})
    socket.on('close', () => this.#closed || setTimeout(() => this.#closed || this.#connect(), Math.random() * this.longest))
    this.socket = socket
  }

  #take(message) {
    if (message.type !== 'event') return void (this.live = message.seq)
    this.seen.push(this.keep(message))
    this.cursor = message.seq
  }

  /** Reads no more of what it is sent, until `resume`. */
  async stall() {
    if (this.socket.readyState === WebSocket.CONNECTING) await once(this.socket, 'open')
    this.socket.pause()
  }

  resume() {
    this.socket.resume()
  }

  /** Loses the connection without a word. */
  drop() {
    this.socket.terminate()
  }

  close() {
    this.#closed = true
    this.socket.terminate()
  }
}

/** The whole event store of a person, as a new window is told it. */
export async function store(person) {
  const window = new Window(person)
  await until('the event store is read', () => window.live !== undefined && window.live === window.cursor)
  window.close()
  return window.seen
}

/** What the page shows: `{tasks, seq, feed}`. */
export async function page({ url, cookie }) {
  const answer = await fetch(url, { headers: { cookie: `todo=${cookie}` } })
  const json = /<script type="application\/json" id="snapshot">(.*?)<\/script>/s.exec(await answer.text())?.[1]
  if (!json) throw new Error(`${url}: ${answer.status}, and no page of tasks`)
  return JSON.parse(json)
}

/** The lines of the feed before `before`. */
export async function older(person, before) {
  const answer = await person.post('/api/activity/older', { before })
  if (answer.status !== 200) throw new Error(`the feed: ${answer.status}`)
  return answer.json()
}

/** The whole feed, newest first. */
export async function feed(person) {
  const entries = []
  for (let before = Number.MAX_SAFE_INTEGER, more = true; more; before = entries.at(-1).seq) {
    const lines = await older(person, before)
    entries.push(...lines.entries)
    more = lines.more
  }
  return entries
}

/** What `check` in checker.mjs wants to know of a person, once their windows and feed have caught up,
 * or a minute after they should have. */
export async function history({ person, commands }, windows) {
  const stored = await store(person)
  const last = stored.length
  await until('every window has caught up', () => windows.every(({ cursor }) => cursor >= last), 60).catch(() => {})
  await until('the feed has caught up', async () => (await page(person)).feed.seq >= last, 60).catch(() => {})
  const { tasks } = await page(person)
  return { commands, store: stored, feed: await feed(person), tasks, windows: windows.map(({ seen }) => seen) }
}
