// Someone with an account, who talks to the server as a program does.
import { randomBytes } from 'node:crypto'

export const PASSWORD = 'mornings are slow'

/** An address that nobody has. */
export const newEmail = () => `ada.${randomBytes(6).toString('hex')}@example.com`

export class Person {
  /** The value of the session cookie `todo`. */
  cookie = ''
  /** The number of the last event that it caused; the first is that it joined. */
  seq = 1
  /** Of the trace that the requests belong to, if they belong to one. */
  traceparent = ''

  constructor(url, name = 'Ada Lovelace') {
    this.url = url
    this.name = name
    this.email = newEmail()
  }

  /** Someone new on the server at `url`. */
  static async register(url, name) {
    const person = new Person(url, name)
    const { email } = person
    person.cookie = cookieOf(await person.post('/api/accounts/register', { email, name: person.name, password: PASSWORD }))
    return person
  }

  /** A new session, as in another browser: the value of its cookie. */
  async login() {
    return cookieOf(await this.post('/api/accounts/login', { email: this.email, password: PASSWORD }, ''))
  }

  /** Sends a form as the site's own page does. */
  post(path, form = {}, cookie = this.cookie) {
    const { url: origin, traceparent } = this
    const headers = { origin, ...(cookie && { cookie: `todo=${cookie}` }), ...(traceparent && { traceparent }) }
    return fetch(this.url + path, { method: 'POST', headers, body: new URLSearchParams(form) })
  }

  /** Sends a form and reads what it did: the event, or null. */
  async does(path, form) {
    const answer = await this.post(path, form)
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    const done = await answer.json()
    this.seq = done?.seq ?? this.seq
    return done
  }

  /** The number of the newest event in its feed. A consumer writes it, a moment after windows heard. */
  async fed() {
    const feed = await (await this.post('/api/activity/older', { before: `${Number.MAX_SAFE_INTEGER}` })).json()
    return feed.entries[0]?.seq ?? 0
  }

  /** What a search finds: the answer of the API. */
  async search(q) {
    const query = new URLSearchParams({ q })
    const answer = await fetch(`${this.url}/api/search?${query}`, { headers: { cookie: `todo=${this.cookie}` } })
    if (answer.status !== 200) throw new Error(`search ${q}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }

  /** Makes a task; its number. */
  async create(title, description = '') {
    return (await this.does('/api/tasks', { title, description })).event.data.task_id
  }

  edit(task_id, title, description = '') {
    return this.does('/api/tasks/edit', { task_id, title, description })
  }

  complete(task_id) {
    return this.does('/api/tasks/complete', { task_id })
  }

  reopen(task_id) {
    return this.does('/api/tasks/reopen', { task_id })
  }

  delete(task_id) {
    return this.does('/api/tasks/delete', { task_id })
  }

  restore(task_id) {
    return this.does('/api/tasks/restore', { task_id })
  }
}

function cookieOf(answer) {
  const cookie = answer.headers.getSetCookie().map(line => /^todo=([^;]+)/.exec(line)?.[1]).find(Boolean)
  if (!cookie) throw new Error(`${answer.url}: ${answer.status}, and no session cookie`)
  return cookie
}
