// The first tasks of a new person: they are there by themselves, and teach by being done.
import { expect, testOfItsOwn as test } from '../support/test'
import { PASSWORD, newEmail } from '../support/person.mjs'

test.use({ settings: { TODO_ONBOARDING: 'on' } })

const SAMPLES = [
  'Check me off',
  'Open me and give me another name',
  'Write down a task of your own',
  'Find a task again',
  'Look at what has happened',
  'Choose what you want to hear of',
]

test('a new person finds tasks to try, once', async ({ open }) => {
  const window = await open(null, { path: '/register' })
  const { page } = window
  await page.getByLabel('Name').fill('Grace Hopper')
  await page.getByLabel('E-mail').fill(newEmail())
  await page.getByLabel('Password').fill(PASSWORD)
  await window.press('Sign up')
  await window.isLive()
  const rows = page.getByRole('main').getByRole('checkbox')
  await expect(rows).toHaveCount(SAMPLES.length)
  expect((await window.says()).tasks).toEqual(SAMPLES.map(title => `${title}: false`))
  await expect(page.getByText('Nothing here yet.')).toHaveCount(0)
  await page.screenshot({ path: 'screenshots/onboarding.png', animations: 'disabled' })

  // As the first says.
  await window.check('Check me off').click()
  await expect(window.told('You added and completed Check me off')).toHaveCount(1)
  await window.openTask('Open me and give me another name')
  await window.press('Delete')
  await expect(window.row('Open me and give me another name')).toHaveCount(0)
  await page.reload()
  await window.isLive()
  await expect(window.row('Open me and give me another name')).toHaveCount(0)
  await expect(window.told('You added')).toHaveCount(SAMPLES.length)

  await expect(async () => {
    await window.goto('/notifications')
    await expect(page.getByText('Welcome, Grace Hopper.')).toBeVisible({ timeout: 500 })
  }).toPass()
  await expect(page.getByText('is on your list')).toHaveCount(0)
})
