// The feed: lines of several changes, filters, and what happened while one was away.
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test, type Person, type Todo, type Window } from '../support/test'

/** The line of a task. */
const about = (window: Window, title: string) => window.told(title)

test('changes of a task are one line, extended live in every window', async ({ open, person }) => {
  const task = await person.create('Pay rent')
  const window = await open(person)
  const other = await open(person)
  const line = about(other, 'Pay rent')
  await expect(line).toContainText('You added Pay rent')
  await expect(line.locator('details')).toHaveCount(0)
  // The one who looks has the focus in the line, and it stays there.
  await line.getByRole('link', { name: 'Pay rent' }).focus()
  const element = await line.elementHandle()

  await window.openTask('Pay rent')
  await window.description.fill('By bank')
  await window.press('Save')
  await expect(line).toContainText('You added and edited Pay rent')
  await person.edit(task, 'Pay rent', 'By bank, twice')
  await expect(line).toContainText('You added and edited twice Pay rent')
  await expect(line.getByRole('link', { name: 'Pay rent' })).toBeFocused()

  const summary = line.getByText('3 changes')
  await summary.focus()
  await other.page.keyboard.press('Enter')
  await expect(line.getByRole('insertion')).toHaveText(['By bank', /twice/])
  await person.complete(task)
  await expect(line).toContainText('You added, edited twice and completed Pay rent')
  await expect(line.getByRole('listitem')).toHaveText([/added Pay rent/, /edited/, /edited/, /completed/])
  await expect(line.locator('summary')).toBeFocused()
  expect(await line.evaluate((li, before) => li === before, element), 'the same element').toBe(true)

  // Another task begins a line, and so does what comes back to the first.
  await person.create('Something else')
  await person.reopen(task)
  await expect(about(other, 'Pay rent')).toHaveText([/You reopened Pay rent/, /You added, edited twice and completed/])
  for (const told of [window, other]) await expect(told.told('reopened')).toHaveCount(1)
  const said = await other.says()
  expect(await window.says()).toEqual(said)
  await other.page.reload()
  await other.isLive()
  expect(await other.says()).toEqual(said)
})

test('a line that the end of a page cuts is whole with the next page', async ({ open, person }) => {
  const task = await person.create('Toggled')
  for (let i = 0; i < 28; i++) {
    await person.complete(task)
    await person.reopen(task)
  }
  await person.create('Newest')
  // Told as far as the page goes: what comes to an open page makes it longer.
  await expect.poll(() => person.fed()).toBe(person.seq)
  const window = await open(person)
  const line = about(window, 'Toggled')
  await expect(line).toContainText('completed 24 times and reopened 25 times')
  await window.unfold('Toggled')
  await window.feed.getByRole('link', { name: 'Show older' }).click()
  await expect(line).toContainText('You added, completed 28 times and reopened 28 times Toggled')
  await expect(line).toHaveCount(1)
  await expect(line.getByRole('listitem')).toHaveCount(57)
  await expect(window.told('joined')).toHaveCount(1)
})

test('a filter shows some lines, also of those that come', async ({ open, person }) => {
  const [one, two] = [await person.create('One'), await person.create('Two')]
  await person.complete(one)
  const window = await open(person)
  const { page } = window
  await page.getByText('Filter', { exact: true }).click()
  await page.getByLabel('Kind').selectOption('Completed')
  await window.press('Show')
  await expect(page).toHaveURL(/\/feed\?by=&kind=task.completed&day=$/)
  await window.isLive()
  await expect(window.feed.locator('.line')).toHaveText([/completed One/])
  await person.create('Three')
  await person.complete(two)
  await expect(window.feed.locator('.line')).toHaveText([/completed Two/, /completed One/])

  // Its address is all there is to it.
  const same = await open(person, { path: '/feed?kind=task.completed' })
  await expect(same.feed.locator('.line')).toHaveText([/completed Two/, /completed One/])
  await expect(same.page.getByLabel('Kind')).toHaveValue('task.completed')
  await same.goto('/feed?by=others')
  await expect(same.page.getByText('Nothing like this has happened.')).toBeVisible()

  await page.getByRole('link', { name: 'Show everything' }).click()
  await window.isLive()
  await expect(window.told('added Three')).toHaveCount(1)
  await expect(page).toHaveURL('/feed')
})

/** How many lines of its feed a filter lets through. */
async function told(person: Person, filter: string): Promise<number> {
  const answer = await person.post('/api/activity/older', { before: `${Number.MAX_SAFE_INTEGER}`, filter })
  return (await answer.json()).entries.length
}

test('a list that tasks name is a filter, and says what is new in it', async ({ open, person }) => {
  const rent = await person.create('Pay rent #Home')
  await person.create('Buy milk #shop')
  await expect.poll(() => told(person, 'list=home')).toBe(1)
  const window = await open(person)
  const { page } = window
  await page.getByText('Filter', { exact: true }).click()
  await page.getByLabel('List').selectOption('Home')
  await window.press('Show')
  await expect(page).toHaveURL('/feed?by=&kind=&list=home&day=')
  await window.isLive()
  const lines = window.feed.locator('.line')
  await expect(lines).toHaveText([/added Pay rent/])
  await person.complete(rent)
  const pill = window.feed.getByRole('link', { name: '1 new' })
  await expect(pill).toBeVisible()
  await person.create('Buy bread #shop')
  await person.create('Water the plants', 'Those in the #home')
  await expect(window.feed.getByRole('link', { name: '2 new' })).toBeVisible()
  await expect(lines).toHaveText([/added Pay rent/])
  await window.feed.getByRole('link', { name: '2 new' }).click()
  await window.isLive()
  await expect(page).toHaveURL('/feed?list=home')
  await expect(lines).toHaveText([/added Water the plants/, /added and completed Pay rent/])
  await expect(window.feed.locator('.pill')).toHaveCount(0)

  // A task that leaves the list takes its lines with it.
  await person.edit(rent, 'Pay rent', '')
  await expect.poll(() => told(person, 'list=home')).toBe(1)
  await page.reload()
  await expect(lines).toHaveText([/added Water the plants/])
})

test('without JavaScript the feed is filtered by a form, and lines unfold', async ({ open, person, expected }) => {
  expected.push(/preloaded using link preload but not used/, /status of 422/)
  const task = await person.create('Pay rent')
  await person.edit(task, 'Pay rent', 'By bank')
  await expect.poll(() => person.fed()).toBe(person.seq)
  const window = await open(person, { path: '/feed', javaScriptEnabled: false })
  const { page } = window
  await window.unfold('Pay rent')
  await expect(window.told('Pay rent').getByRole('insertion')).toHaveText(['By bank'])
  await page.getByText('Filter', { exact: true }).click()
  await page.getByLabel('Done by').selectOption('you')
  await page.getByLabel('Day').fill('2001-02-03')
  await window.press('Show')
  await expect(page.getByText('Nothing like this has happened.')).toBeVisible()
  await expect(page.getByLabel('Day')).toHaveValue('2001-02-03')
  await window.goto('/feed?kind=nonsense')
  await expect(page.getByRole('alert')).toContainText('Choose one of the list. Everything is shown.')
  await expect(window.told('Pay rent')).toHaveCount(1)
})

/** As if the person had left some hours ago, and used a program since. */
async function wasAway(todo: Todo, person: Person): Promise<void> {
  await expect.poll(() => person.fed()).toBe(person.seq)
  const ago = (hours: number) => (Date.now() - hours * 3_600_000) * 1000
  const who = `from users where email = '${person.email}'`
  await todo.sql(
    `insert into feed_seen (user_id, seq, seen_at) select user_id, 1, ${ago(8)} ${who} ` +
      `on conflict (user_id) do update set seq = 1, seen_at = ${ago(8)}`,
  )
  await todo.sql(`update activity set occurred_at = ${ago(2)} where user_id = (select user_id ${who})`)
}

test('who comes back hears what happened, once', async ({ open, person, todo }) => {
  const task = await person.create('Pay rent')
  await person.complete(task)
  const first = await open(person)
  await expect(first.told('added and completed Pay rent')).toHaveCount(1)
  await expect(first.page.getByText('While you were away'), 'it was just now').toHaveCount(0)

  await wasAway(todo, person)
  const window = await open(person)
  const away = window.page.getByRole('region', { name: 'While you were away' })
  await expect(away).toContainText('In your name, from elsewhere: 1 added, 1 completed.')
  const { violations } = await new AxeBuilder({ page: window.page }).include('.feed-column').analyze()
  expect(violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(node => node.html) }))).toEqual([])
  const seen = window.page.waitForResponse('**/api/activity/seen')
  await away.getByRole('button', { name: 'Dismiss' }).click()
  await expect(away).toHaveCount(0)
  expect((await seen).status()).toBe(200)
  await expect(window.page.locator('.filter summary')).toBeFocused()
  await window.page.reload()
  await window.isLive()
  await expect(away).toHaveCount(0)
})

test('what has been on the screen is seen, also without being dismissed', async ({ open, person, todo }) => {
  await person.create('Pay rent')
  const first = await open(person)
  await expect(first.told('added Pay rent')).toHaveCount(1)
  await wasAway(todo, person)
  const second = await open(person)
  await expect(second.page.getByText('While you were away')).toBeVisible()
  await expect(async () => {
    const third = await open(person)
    await expect(third.page.getByText('While you were away')).toHaveCount(0)
  }).toPass()
})

test('who comes back to a window that stood open hears of it too', async ({ open, person, todo }) => {
  const window = await open(person)
  const { page } = window
  await page.clock.install()
  const turn = (state: 'hidden' | 'visible') =>
    page.evaluate(state => {
      Object.defineProperty(document, 'hidden', { value: state === 'hidden', configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }, state)
  const left = page.waitForResponse('**/api/activity/seen')
  await turn('hidden')
  await left
  await person.create('Pay rent')
  await expect(window.told('added Pay rent')).toHaveCount(1)
  await wasAway(todo, person)
  await page.clock.fastForward('06:00')
  await turn('visible')
  await expect(page.getByRole('region', { name: 'While you were away' })).toContainText('1 added.')
})
