// Everything one can do to a task goes by plain forms too.
import { PASSWORD, newEmail } from '../support/person.mjs'
import { expect, test } from '../support/test'

// A browser without JavaScript says that it has no use for what the page has it fetch.
test.beforeEach(({ expected }) => {
  expected.push(/preloaded using link preload but not used/)
})

test('without JavaScript a person signs up, works, and logs out', async ({ open }) => {
  const window = await open(null, { path: '/register', javaScriptEnabled: false })
  const { page } = window
  await page.getByLabel('Name').fill('Grace Hopper')
  await page.getByLabel('E-mail').fill(newEmail())
  await page.getByLabel('Password').fill(PASSWORD)
  await window.press('Sign up')
  await expect(page).toHaveURL('/')

  await window.newTask.fill('Buy milk')
  await window.press('Add')
  await expect(page).toHaveURL('/')
  await expect(window.row('Buy milk')).toHaveCount(1)
  await expect(window.newTask).toHaveValue('')

  await window.openTask('Buy milk')
  await window.title.fill('Buy oat milk')
  await window.description.fill('Two litres\nCold')
  await window.press('Save')
  await expect(window.row('Buy oat milk')).toHaveCount(1)
  await expect(window.description).toHaveValue('Two litres\nCold')
  await page.getByRole('link', { name: 'Cancel' }).click()

  await window.check('Buy oat milk').click()
  await expect(page.getByText('All done.')).toBeVisible()
  await window.showDone()
  await expect(window.check('Buy oat milk')).toBeChecked()
  await window.check('Buy oat milk').click()
  await expect(window.check('Buy oat milk')).not.toBeChecked()

  await window.openTask('Buy oat milk')
  await window.press('Delete')
  await expect(page).toHaveURL('/')
  await expect(window.check('Buy oat milk')).toHaveCount(0)

  // A page that does not follow: as soon as the consumer has told it.
  await expect(async () => {
    await page.goto('/feed')
    await expect(window.told('You added, edited, completed, reopened and deleted Buy oat milk')).toHaveCount(1, { timeout: 500 })
  }).toPass()
  await window.unfold('Buy oat milk')
  await expect(window.told('Buy oat milk').getByRole('insertion')).toHaveText([/oat/, /Two litres/])

  await page.goto('/you')
  await window.press('Log out')
  await expect(page).toHaveURL('/login')
})

test('without JavaScript a title that is too long is refused with 422, and nothing typed is lost', async ({ open, person, expected }) => {
  expected.push(/status of 422/)
  const window = await open(person, { javaScriptEnabled: false })
  const { page } = window
  const long = 'x'.repeat(501)
  await window.newTask.fill(long)
  const [refused] = await Promise.all([page.waitForResponse('**/api/tasks'), window.press('Add')])
  expect(refused.status()).toBe(422)
  await expect(window.newTask).toHaveValue(long)
  await expect(window.newTask).toHaveAccessibleDescription(/501 characters; at most 500 fit/)
  await window.newTask.fill('Short')
  await window.press('Add')
  await expect(window.row('Short')).toHaveCount(1)

  await window.openTask('Short')
  await window.title.fill(long)
  await window.description.fill('Kept as well')
  // Once more, to see that the page with the refusal is as good as the first.
  for (const _ of ['first', 'again']) {
    const [refused] = await Promise.all([page.waitForResponse('**/api/tasks/edit'), window.press('Save')])
    expect(refused.status()).toBe(422)
    await expect(window.title).toHaveValue(long)
    await expect(window.title).toHaveAccessibleDescription(/501 characters; at most 500 fit/)
    await expect(window.description).toHaveValue('Kept as well')
  }
  await window.title.fill('Short enough')
  await window.press('Save')
  await expect(window.check('Short enough')).toHaveCount(1)
})

test('without JavaScript a form sent twice makes one task', async ({ open, person }) => {
  const window = await open(person, { javaScriptEnabled: false })
  await window.newTask.fill('Once')
  const sent = window.page.waitForRequest('**/api/tasks')
  await window.press('Add')
  const form = Object.fromEntries(new URLSearchParams((await sent).postData() ?? ''))
  await expect(window.row('Once')).toHaveCount(1)
  await person.does('/api/tasks', form)
  await window.page.reload()
  await expect(window.row('Once')).toHaveCount(1)
})

test('without JavaScript older lines of the feed have pages', async ({ open, person }) => {
  for (let i = 1; i <= 55; i++) await person.create(`Task ${i}`)
  await expect.poll(() => person.fed()).toBe(person.seq)
  const window = await open(person, { path: '/feed', javaScriptEnabled: false })
  await expect(window.told('Task 55')).toHaveCount(1)
  await window.page.getByRole('link', { name: 'Show older' }).click()
  await expect(window.told('joined')).toHaveCount(1)
  await expect(window.told('Task 55')).toHaveCount(0)
  await window.page.getByRole('link', { name: 'Back to the newest' }).click()
  await expect(window.told('Task 55')).toHaveCount(1)
})
