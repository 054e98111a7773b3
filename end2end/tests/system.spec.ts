// What administrators look after: how it goes, dead letters, and traces.
import { bury, park } from '../support/letters.mjs'
import { expect, Person, testOfItsOwn as test, type Todo } from '../support/test'

const TRACES = 'http://traces.example.com/trace/'

test.use({ settings: { TODO_TRACE_URL: `${TRACES}{trace_id}` } })

async function grant(todo: Todo, person: Person) {
  await todo.run('admin', 'grant', person.email)
}

test('the figures move while one watches, and nothing else does', async ({ todo, open, person }) => {
  await grant(todo, person)
  const window = await open(person, { path: '/system', live: false })
  const { page } = window
  const mark = page.locator('.head .mark')
  const figure = (name: RegExp) => page.getByRole('img', { name })
  await expect(mark).toHaveText('Live')
  await expect(figure(/^Dead letters: 0 open now/)).toBeVisible()
  await expect(figure(/^Outbox: 0 to publish now/)).toBeVisible()

  // A table is open, has the focus, and stands in the middle of the window.
  const summary = page.getByText('By the minute: Events published', { exact: true })
  await summary.click()
  await expect(summary).toBeFocused()
  const table = page.locator('details', { has: summary }).getByRole('table')
  await expect(table).toBeVisible()
  const top = () => summary.evaluate(element => Math.round(element.getBoundingClientRect().top))
  await page.mouse.wheel(0, 200)
  await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(100)
  const before = await top()

  await bury(todo, [{}, {}])
  for (const title of ['one', 'two', 'three']) await person.create(title)
  await expect(figure(/^Dead letters: 2 open now/)).toHaveCount(1)
  await expect(figure(/^Events published: .*at most (?!0 )/)).toHaveCount(1)
  await expect(figure(/^activity, latency: \d.* m?s for 99 of 100 now/)).toHaveCount(1)
  await expect(figure(/^activity, lag: 0 behind now/)).toHaveCount(1)
  await expect(figure(/^activity, failed attempts: 0 % of attempts now/)).toHaveCount(1)
  await expect(figure(/^HTTP requests: .*at most (?!0 )/)).toHaveCount(1)
  await expect(figure(/^HTTP answers: \d.* m?s for 99 of 100 now/)).toHaveCount(1)
  await expect(table).toBeVisible()
  await expect(summary).toBeFocused()
  expect(await top(), 'nothing jumps').toBe(before)

  const socket = await open(person)
  await expect(figure(/^Sockets: 1 open now/)).toHaveCount(1)
  await socket.page.close()
  await expect(figure(/^Sockets: 0 open now/)).toHaveCount(1)
})

for (const path of ['/system', '/system/figures']) {
  test(`who waits, and no longer does, is shown on ${path} while one watches`, async ({ todo, open, person }) => {
    await grant(todo, person)
    const { page } = await open(person, { path, live: false })
    const waiting = page.getByRole('region', { name: 'Waiting' })
    await expect(waiting).toContainText('Nobody waits: every consumer is served.')
    await park(todo, { user_id: 'user-1', error: 'disk full' })
    await expect(waiting.getByRole('listitem')).toContainText(/search · event 7 of user-1.*3 attempts.*after an upgrade.*disk full/)
    await todo.sql('delete from parked')
    await expect(waiting).toContainText('Nobody waits')
  })
}

test('the page says when it is no longer live, and is live again by itself', async ({ todo, open, person, expected }) => {
  expected.push(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|status of 404/)
  await grant(todo, person)
  const { page } = await open(person, { path: '/system', live: false })
  const mark = page.locator('.head .mark')
  await expect(mark).toHaveText('Live')
  await todo.kill()
  await expect(mark).toHaveText('Offline')
  await todo.restart()
  await expect(mark).toHaveText('Live')
  await todo.run('admin', 'revoke', person.email)
  await expect(mark).toHaveText('Logged out')
})

test('a page out of sight asks for nothing', async ({ todo, open, person }) => {
  await grant(todo, person)
  const { page } = await open(person, { path: '/system', live: false })
  await expect(page.locator('.head .mark')).toHaveText('Live')
  await page.clock.install()
  await page.reload()
  await expect(page.locator('.head .mark')).toHaveText('Live')
  let asked = 0
  page.on('request', request => request.url().endsWith('/system/figures') && asked++)
  const hide = (hidden: boolean) =>
    page.evaluate(hidden => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden })
      document.dispatchEvent(new Event('visibilitychange'))
    }, hidden)
  await hide(true)
  await page.clock.runFor(20_000)
  expect(asked).toBe(0)
  await hide(false)
  await expect.poll(() => asked).toBe(1)
})

test('without JavaScript the page shows how it was, and says so', async ({ todo, open, person, expected }) => {
  expected.push(/preloaded using link preload/)
  await grant(todo, person)
  await bury(todo, [{ error: 'no such table' }])
  const { page } = await open(person, { path: '/system', javaScriptEnabled: false })
  await expect(page.getByText('Reload for newer figures')).toBeVisible()
  await expect(page.locator('.head .mark')).toBeHidden()
  await expect(async () => {
    await page.reload()
    await expect(page.getByRole('img', { name: /^Outbox: 0 to publish/ })).toBeVisible({ timeout: 1000 })
  }).toPass()
  await page.getByRole('checkbox', { name: 'Dead letter 1, task.created' }).check()
  await page.getByLabel('Why it is discarded').fill('Of a test')
  await page.getByRole('button', { name: 'Discard' }).click()
  await expect(page.getByText('1 dead letter is discarded.')).toBeVisible()
  await page.getByRole('navigation', { name: 'Status' }).getByRole('link', { name: 'discarded' }).click()
  await expect(page.getByText('“Of a test”')).toBeVisible()
})

test('dead letters are chosen by keyboard, tried again and discarded', async ({ todo, open, person, expected }) => {
  expected.push(/status of 422/)
  await grant(todo, person)
  await person.create('Buy milk')
  const feed = await open(person, { path: '/feed' })
  await expect(feed.told('added Buy milk')).toHaveCount(1)
  await expect.poll(() => person.fed()).toBe(person.seq)
  const [lost] = await events(person)
  // As if the feed had not taken it.
  await todo.sql("delete from activity where event_type = 'task.created'")
  await bury(todo, [
    { consumer: 'activity', user_id: lost.user_id, seq: lost.seq, error: 'no room <left>' },
    { topic: 'task.deleted', seq: 1 },
    { topic: 'task.deleted', seq: 2 },
    { topic: 'task.updated', seq: 3 },
  ])
  await feed.goto('/feed')
  await expect(feed.told('added Buy milk')).toHaveCount(0)

  const { page } = await open(person, { path: '/system', live: false })
  const box = (id: number) => page.getByRole('checkbox', { name: `Dead letter ${id},` })
  const note = page.getByLabel('Why it is discarded')
  const press = (name: string) => page.getByRole('button', { name }).click()
  await expect(page.getByText('no room <left>')).toBeVisible()

  // Nothing chosen: it says so, and the browser goes to what it says.
  await press('Retry')
  await expect(page.getByRole('alert')).toHaveText('Choose 1 to 100 dead letters.')
  await expect(page.getByRole('alert')).toBeFocused()
  await expect(page.getByRole('alert')).toBeInViewport()

  // No reason: the browser itself asks for it.
  await box(2).focus()
  await page.keyboard.press('Space')
  await press('Discard')
  await expect(note).toBeFocused()
  expect(await note.evaluate((input: HTMLInputElement) => input.validity.valueMissing)).toBe(true)
  // One of blanks only is refused by the server; what was chosen stays so. Enter discards.
  await note.fill('   ')
  await note.press('Enter')
  await expect(page.getByRole('alert')).toHaveText(/^Say in 1 to 500 characters/)
  await expect(note).toBeFocused()
  await expect(note).toHaveAccessibleDescription(/^Say in 1 to 500 characters/)
  await expect(box(2)).toBeChecked()
  await expect(box(3)).not.toBeChecked()
  await note.fill('Of no use')
  await note.press('Enter')
  await expect(page.getByRole('status')).toHaveText('1 dead letter is discarded.')
  await expect(page.getByRole('status')).toBeInViewport()
  await expect(box(2)).toHaveCount(0)

  // Narrowed to a topic, all of it at once.
  await page.getByRole('navigation', { name: 'Topic' }).getByRole('link', { name: 'task.created' }).click()
  await expect(box(3)).toHaveCount(0)
  await page.getByRole('navigation', { name: 'Topic' }).getByRole('link', { name: 'all' }).click()
  await page.getByRole('checkbox', { name: 'All of these' }).focus()
  await page.keyboard.press('Space')
  for (const id of [1, 3, 4]) await expect(box(id)).toBeChecked()
  await box(3).uncheck()
  await expect(page.getByRole('checkbox', { name: 'All of these' })).toHaveJSProperty('indeterminate', true)
  await press('Retry')
  await expect(page.getByRole('status')).toHaveText('2 dead letters are tried again. Their consumers apply them within seconds.')
  await expect
    .poll(async () => {
      await page.goto('/system?status=redriven')
      return page.getByRole('link', { name: 'No. 1', exact: true }).count()
    })
    .toBe(1)
  await feed.goto('/feed')
  await expect(feed.told('added Buy milk'), 'applied after all').toHaveCount(1)
})

test('one dead letter shows its payload and its trace, and is decided on where it stands', async ({ todo, open, person, expected }) => {
  expected.push(/status of 422/)
  await grant(todo, person)
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const value = JSON.stringify({ event_type: 'task.created', data: { title: '<b>Buy milk</b>' } })
  await bury(todo, [{ error: 'line 1\nline 2', value, traceparent: `00-${trace}-00f067aa0ba902b7-01` }])
  const { page } = await open(person, { path: '/system', live: false })
  await page.getByRole('link', { name: 'No. 1', exact: true }).click()
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Dead letter 1')
  await expect(page.locator('pre').first()).toHaveText('line 1\nline 2')
  await expect(page.locator('pre').last()).toContainText('"title": "<b>Buy milk</b>"')
  await expect(page.getByRole('link', { name: 'Look at the trace' })).toHaveAttribute('href', TRACES + trace)

  await page.getByLabel('Why it is discarded').fill(' ')
  // Once more, to see that the page with the refusal is as good as the first.
  for (const _ of ['first', 'again']) {
    await page.getByRole('button', { name: 'Discard' }).click()
    await expect(page.getByRole('alert')).toHaveText(/^Say in 1 to 500 characters/)
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Dead letter 1')
    await expect(page.getByLabel('Why it is discarded')).toHaveValue(' ')
  }
  await page.getByLabel('Why it is discarded').fill('Of no use')
  await page.getByRole('button', { name: 'Discard' }).click()
  await expect(page.getByRole('status')).toHaveText('1 dead letter is discarded.')
  await page.goto('/system/dead-letters/1')
  await expect(page.getByText('Of no use')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Discard' })).toHaveCount(0)
})

test("a change's trace begins in the window where it was made, and its line in the feed leads there", async ({ todo, open, person }) => {
  const member = await open(person)
  await member.add('No link for members')
  await expect(member.told('added No link')).toHaveCount(1)
  await expect(member.feed.getByRole('link', { name: 'Trace' })).toHaveCount(0)

  await grant(todo, person)
  const window = await open(person)
  const sent = window.page.waitForRequest('**/api/tasks')
  await window.add('Buy milk')
  const request = await sent
  const command = new URLSearchParams(request.postData() ?? '').get('command_id') ?? ''
  const trace = command.replaceAll('-', '')
  const traceparent = await request.headerValue('traceparent')
  expect(traceparent).toMatch(new RegExp(`^00-${trace}-(?!0{16})[0-9a-f]{16}-01$`))

  const link = window.told('added Buy milk').getByRole('link', { name: 'Trace' })
  const href = await link.getAttribute('href')
  const answer = await fetch(todo.url + href, { redirect: 'manual', headers: { cookie: `todo=${person.cookie}` } })
  expect(answer.headers.get('location')).toBe(TRACES + trace)
})

/** The events that made tasks of this person, as the feed's own page is given them. */
async function events(person: Person): Promise<{ user_id: string; seq: number }[]> {
  const feed = await (await person.post('/api/activity/older', { before: '1000' })).json()
  return feed.entries.map((entry: any) => ({ user_id: entry.actor_id, seq: entry.seq }))
}
