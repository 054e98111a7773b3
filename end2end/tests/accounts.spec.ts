// Signing up, logging in and out, sessions, and what belongs to whom.
import { type Page } from '@playwright/test'
import { PASSWORD, newEmail } from '../support/person.mjs'
import { expect, Person, test } from '../support/test'

test('signing up leads to an empty list', async ({ open }) => {
  const { page } = await open(null)
  await expect(page, 'who is not logged in is asked to').toHaveURL('/login')
  await page.getByRole('link', { name: 'Sign up' }).click()
  await fill(page, { Name: 'Grace Hopper', 'E-mail': newEmail(), Password: PASSWORD })
  await page.getByRole('button', { name: 'Sign up' }).click()
  await expect(page).toHaveURL('/')
  await expect(page.getByText('Nothing here yet.')).toBeVisible()
  await expect(page.getByLabel('New task')).toBeFocused()
  await expect(page.getByText('You joined')).toBeVisible()
  await expect(page.getByRole('link', { name: 'Grace Hopper' })).toBeVisible()
})

test('what is wrong with a sign-up is said beside the field, and what was typed stays', async ({ open, person, expected }) => {
  expected.push(/status of (422|409)/)
  const { page } = await open(null, { path: '/register' })
  const typed = { Name: 'Grace Hopper', 'E-mail': newEmail() }
  const submit = () => page.getByRole('button', { name: 'Sign up' }).click()

  await fill(page, { ...typed, Password: 'short' })
  await submit()
  await expect(page.getByLabel('Password')).toHaveAccessibleDescription(/at least 8 characters/i)
  await expect(page.getByLabel('Password')).toHaveAttribute('aria-invalid', 'true')
  await expect(page.getByLabel('Password')).toHaveValue('')
  for (const [label, value] of Object.entries(typed)) await expect(page.getByLabel(label)).toHaveValue(value)

  await fill(page, { 'E-mail': person.email, Password: PASSWORD })
  await submit()
  await expect(page.getByLabel('E-mail')).toHaveAccessibleDescription(/an account with this e-mail address already/)
  await expect(page.getByLabel('E-mail')).toHaveValue(person.email)
  await expect(page.getByLabel('Name')).toHaveValue(typed.Name)

  await fill(page, { ...typed, Password: PASSWORD })
  await submit()
  await expect(page).toHaveURL('/')
})

test('logging in, with a wrong password first, and out', async ({ open, person, expected }) => {
  expected.push(/status of 422/)
  const { page } = await open(null, { path: '/login' })
  await fill(page, { 'E-mail': person.email, Password: 'not this one' })
  await page.getByRole('button', { name: 'Log in' }).click()
  await expect(page.getByLabel('Password')).toHaveAccessibleDescription(/do not belong together/)
  await expect(page.getByLabel('E-mail')).toHaveValue(person.email)

  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Log in' }).click()
  await expect(page).toHaveURL('/')

  await page.goto('/you')
  await expect(page.getByRole('main')).toContainText(person.email)
  await page.getByRole('button', { name: 'Log out' }).click()
  await expect(page).toHaveURL('/login')
  await page.goto('/')
  await expect(page).toHaveURL('/login')
})

test('ending another session closes its window, which says so', async ({ open, person, expected }) => {
  expected.push(/status of 401|WebSocket connection to/)
  const lost = await open(person)
  const mine = await open(person, { path: '/you', live: false })
  // Last used first, so the window opened before this one; the other is from signing up.
  const ends = mine.page.getByRole('button', { name: /^End the session of/ })
  await expect(mine.page.getByText('this one')).toHaveCount(1)
  await expect(ends).toHaveCount(2)
  await ends.first().click()
  await expect(ends).toHaveCount(1)

  await expect(lost.connection).toHaveText('Logged out')
  await expect(lost.page.getByText('Your session has ended.').first()).toBeVisible()
  await expect(mine.page.getByText('this one')).toHaveCount(1)
  await lost.page.getByRole('link', { name: 'Log in again' }).click()
  await expect(lost.page).toHaveURL('/login')
})

test('logging out in one window ends the others of that browser, and only those', async ({ open, person, expected }) => {
  expected.push(/status of 401|WebSocket connection to/)
  const left = await open(person)
  const beside = await open(person, { beside: left })
  const elsewhere = await open(person)
  await left.goto('/you')
  await left.press('Log out')
  await expect(beside.connection).toHaveText('Logged out')
  await expect(elsewhere.connection).toHaveText('Live')
})

test("another person's task is not there", async ({ todo, open, person, expected }) => {
  expected.push(/status of 404/)
  const other = await Person.register(todo.url, 'Mallory')
  const task = await other.create('A secret')
  const window = await open(person, { live: false })
  for (const path of [`/tasks/${task}`, '/tasks/999999999', '/tasks/x', '/nowhere']) {
    const answer = await window.goto(path)
    expect(answer?.status(), path).toBe(404)
    await expect(window.page.getByRole('heading', { level: 1 })).toHaveText(/No such task|Nothing here/)
    await expect(window.page.getByText('A secret')).toHaveCount(0)
  }
  await window.page.getByRole('link', { name: 'To your tasks' }).click()
  await window.isLive()
  expect((await person.post('/api/tasks/complete', { task_id: task })).status).toBe(404)
  await expect(window.told('A secret')).toHaveCount(0)
})

async function fill(page: Page, values: Record<string, string>) {
  for (const [label, value] of Object.entries(values)) await page.getByLabel(label).fill(value)
}
