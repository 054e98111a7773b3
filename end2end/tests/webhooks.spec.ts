// External sync: where events are sent to, and what was sent, on pages of plain forms.
import type { Page } from '@playwright/test'
import { Receiver, verified } from '../support/receiver.mjs'
import { expect, testOfItsOwn as test } from '../support/test'

test.use({ settings: { TODO_ALLOW_PRIVATE_TARGETS: 'true', TODO_DELIVERY_RETRY: '3,100ms,200ms' } })

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

/** The secret, from the page that shows it once. */
const secretOf = (page: Page) => page.getByRole('status').locator('pre').innerText()

test('events are signed as the official library verifies, before, while and after the secret is rotated', async ({ open, person }) => {
  const receiver = await Receiver.start()
  try {
    const { page } = await open(person, { path: '/you', live: false })
    await page.getByRole('link', { name: /^Webhooks, Slack and Jira/ }).click()
    await expect(page.getByText('Nowhere yet.')).toBeVisible()
    await page.getByRole('link', { name: 'Add a webhook' }).click()
    await page.getByLabel('Address').fill(`${receiver.url}/hooks`)
    await page.getByLabel('What you call it').fill('My notebook')
    await page.getByLabel('A task is edited').uncheck()
    await button(page, 'Add').click()
    await expect(page.getByRole('heading', { level: 1, name: 'My notebook' })).toBeVisible()
    const first = await secretOf(page)
    await page.reload()
    await expect(page.getByRole('status')).toHaveCount(0)

    const task = await person.create('Grüße, “quoted” & <b>')
    await person.edit(task, 'Not told of')
    await person.complete(task)
    await expect.poll(() => receiver.calls.length).toBe(2)
    const events = receiver.calls.map(call => verified(call, first) as any)
    expect(events.map(event => event.event_type)).toEqual(['task.created', 'task.completed'])
    expect(events[0].data).toMatchObject({ task_id: task, title: 'Grüße, “quoted” & <b>' })
    expect(receiver.calls[0].path).toBe('/hooks')
    const forged = { ...receiver.calls[0], body: receiver.calls[0].body.replace('quoted', 'forged') }
    expect(() => verified(forged, first)).toThrow()

    await button(page, 'Rotate the secret').click()
    const second = await secretOf(page)
    expect(second).not.toBe(first)
    await button(page, 'Send a test event').click()
    await expect.poll(() => receiver.calls.length).toBe(3)
    const test = receiver.calls[2]
    expect(verified(test, first)).toEqual(verified(test, second))
    expect(test.headers['webhook-signature'].split(' ')).toHaveLength(2)
    expect(() => verified(test, `whsec_${Buffer.from('another secret altogether').toString('base64')}`)).toThrow()
    expect(new Set(receiver.calls.map(call => call.headers['webhook-id'])).size).toBe(3)
  } finally {
    receiver.stop()
  }
})

test('what was sent is seen, sent again, and replayed from a date', async ({ open, person }) => {
  const receiver = await Receiver.start()
  receiver.status = 500
  try {
    await person.create('From before')
    const { page } = await open(person, { path: '/webhooks/new/webhook', live: false })
    await page.getByLabel('Address').fill(receiver.url)
    await button(page, 'Add').click()
    const secret = await secretOf(page)
    await person.create('Buy milk')
    await expect.poll(() => receiver.calls.length).toBe(4)
    const line = page.getByRole('listitem').filter({ hasText: 'task.created' })
    await expect(async () => {
      await page.reload()
      await expect(line).toContainText('given up', { timeout: 500 })
    }).toPass()
    await line.locator('summary').click()
    await expect(line).toContainText('Attempt 4: failed, status 500')
    await expect(line).toContainText('answered 500')
    await expect(line).toContainText('webhook-signature: v1,')
    await expect(line).toContainText('Buy milk')

    receiver.status = 200
    await page.getByRole('button', { name: /^Send again: task.created/ }).click()
    await expect.poll(() => receiver.calls.length).toBe(5)
    await page.getByLabel('From', { exact: true }).fill(new Date(Date.now() - 86_400_000).toISOString().slice(0, 10))
    await button(page, 'Send history again').click()
    await expect.poll(() => receiver.calls.length).toBe(7)
    const titles = receiver.calls.map(call => (verified(call, secret) as any).data.title)
    expect(titles.slice(4)).toEqual(['Buy milk', 'From before', 'Buy milk'])
    const ids = receiver.calls.map(call => call.headers['webhook-id'])
    const ofMilk = ids.filter((_, i) => titles[i] === 'Buy milk')
    expect(new Set(ofMilk).size).toBe(1)

    await button(page, 'Switch it off').click()
    await expect(page.getByText(/^Switched off since/)).toBeVisible()
    await expect(button(page, 'Send a test event')).toHaveCount(0)
    await button(page, 'Switch it on').click()
    await button(page, 'Remove this endpoint').click()
    await expect(page).toHaveURL('/webhooks')
    await expect(page.getByText('Nowhere yet.')).toBeVisible()
  } finally {
    receiver.stop()
  }
})

test('an endpoint that wants no more is switched off, and its person is told', async ({ open, person }) => {
  const receiver = await Receiver.start()
  receiver.status = 410
  try {
    const { page } = await open(person, { path: '/webhooks/new/webhook', live: false })
    await page.getByLabel('Address').fill(receiver.url)
    await page.getByLabel('What you call it').fill('Gone fishing')
    await button(page, 'Add').click()
    await person.create('Buy milk')
    await page.goto('/notifications')
    const told = page.getByRole('link', { name: 'Nothing is sent to “Gone fishing” any more.' })
    await expect(async () => {
      await page.reload()
      await expect(told).toBeVisible({ timeout: 500 })
    }).toPass()
    await told.click()
    await expect(page).toHaveURL('/webhooks')
    await expect(page.getByRole('listitem')).toContainText('Off')
    await page.getByRole('link', { name: 'Gone fishing' }).click()
    await expect(page.getByText(/It answered 410: it wants no more/)).toBeVisible()
    expect(receiver.calls).toHaveLength(1)
  } finally {
    receiver.stop()
  }
})

test('a refusal keeps what was typed, but no token', async ({ open, person, expected }) => {
  expected.push(/status of 422/)
  const { page } = await open(person, { path: '/webhooks/new/jira', live: false })
  await page.getByLabel('Address of the site').fill('https://nowhere.invalid')
  await page.getByLabel('E-mail of the account').fill('ada@example.com')
  await page.getByLabel('API token of the account').fill('hush')
  await page.getByLabel('Key of the project').fill('TODO')
  await page.getByRole('checkbox', { name: /^A task is deleted/ }).uncheck()
  await button(page, 'Add').click()
  await expect(page.getByLabel('Address of the site')).toHaveAccessibleDescription(/nowhere\.invalid cannot be found/)
  await expect(page.getByLabel('Address of the site')).toHaveValue('https://nowhere.invalid')
  await expect(page.getByLabel('E-mail of the account')).toHaveValue('ada@example.com')
  await expect(page.getByLabel('API token of the account')).toHaveValue('')
  await expect(page.getByRole('checkbox', { name: /^A task is deleted/ })).not.toBeChecked()
  await expect(page.getByRole('checkbox', { name: /^A task is added/ })).toBeChecked()
})
