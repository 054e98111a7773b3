// The figures: they are right, they follow what happens, and nothing of the page moves meanwhile.
import { AxeBuilder } from '@axe-core/playwright'
import { aDay } from '../support/day'
import { expect, test, type Window } from '../support/test'

/** The value of one of the figures. */
const figure = ({ page }: Window, name: string) => page.locator('.figure', { hasText: name }).locator('strong')
const goal = ({ page }: Window, name: string) => page.locator('.goal', { hasText: name }).locator('.count')

test('the figures follow what happens, and focus, scroll and what is unfolded stay', async ({ open, person }) => {
  const window = await open(person, { path: '/stats', live: false })
  const { page } = window
  await expect(figure(window, 'Completed')).toHaveText('0')
  const tasks = [await person.create('One'), await person.create('Two')]
  await expect(page.getByRole('img', { name: /^0 tasks completed and 2 added/ })).toBeVisible()
  await expect(figure(window, 'Open now')).toHaveText('2')
  await expect(page.getByRole('img', { name: /^2 tasks are open now/ })).toBeAttached()

  const summary = page.getByText('As a table').first()
  await summary.click()
  await summary.focus()
  await page.evaluate(() => scrollTo(0, 300))
  const before = await page.evaluate(() => scrollY)
  expect(before).toBeGreaterThan(0)

  for (const task of tasks) await person.complete(task)
  await expect(figure(window, 'Completed')).toHaveText('2')
  await expect(figure(window, 'Completion rate')).toHaveText('100 %')
  await expect(goal(window, 'Today')).toHaveText('2 of 3')
  await expect(goal(window, 'Level 1')).toHaveText('30 points, 70 to level 2')
  await expect(page.getByRole('img', { name: /^2 tasks completed and 2 added/ })).toBeAttached()
  await expect(page.getByRole('row', { name: /2 2$/ })).toBeVisible()
  await expect(summary).toBeFocused()
  expect(await page.evaluate(() => scrollY)).toBe(before)

  await expect(figure(window, 'Open now')).toHaveText('0')

  await person.reopen(tasks[0])
  await expect(figure(window, 'Completed')).toHaveText('1')
  await expect(figure(window, 'Open now')).toHaveText('1')
  await expect(figure(window, 'Days with open work')).toHaveText('1 day')
  await expect(page.getByRole('img', { name: /^1 task is open now/ })).toBeAttached()
  await expect(goal(window, 'Level 1')).toHaveText('15 points, 85 to level 2')
})

test('the browser says where it is, once, and a person may say otherwise', async ({ open, person, expected }) => {
  expected.push(/status of 422/)
  const away = await open(person, { path: '/stats', live: false, timezoneId: 'Pacific/Auckland' })
  await expect(away.page.getByText('Days are those of Pacific/Auckland.')).toBeVisible()
  const home = await open(person, { path: '/stats', live: false, timezoneId: 'America/Los_Angeles' })
  await expect(home.page.getByText('Days are those of Pacific/Auckland.')).toBeVisible()

  await home.page.getByRole('link', { name: 'Change the time zone' }).click()
  await home.page.getByLabel('Where you live').selectOption('Europe/Lisbon')
  await home.press('Save')
  await home.goto('/stats')
  await home.page.getByRole('link', { name: 'Set goals and days off' }).click()
  await home.page.getByLabel('Tasks a week').fill('20')
  await home.page.getByLabel('Sunday').check()
  await home.press('Save')
  await expect(home.page).toHaveURL('/stats')
  await expect(home.page.getByText('Sunday does not count. Days are those of Europe/Lisbon.')).toBeVisible()
  await expect(goal(home, 'This week')).toHaveText('0 of 20')
})

test('without JavaScript goals are set, and what is refused says why', async ({ open, person, expected }) => {
  expected.push(/status of 422/)
  const window = await open(person, { path: '/stats/settings', javaScriptEnabled: false })
  const { page } = window
  const daily = page.getByLabel('Tasks a day')
  await daily.fill('100')
  await page.getByLabel('Saturday').check()
  await window.press('Save')
  await expect(daily).toHaveAccessibleDescription(/from 0 to 99/)
  await expect(daily).toHaveValue('100')
  await expect(page.getByLabel('Saturday')).toBeChecked()
  await daily.fill('1')
  await window.press('Save')
  await expect(page).toHaveURL('/stats')
  await expect(page.getByText('Saturday does not count.')).toBeVisible()
})

test('from anywhere the figures are one or two steps away', async ({ open, person }) => {
  const window = await open(person, { live: false })
  await window.page.getByRole('link', { name: 'Stats', exact: true }).click()
  await expect(window.page.getByRole('heading', { level: 1, name: 'Stats' })).toBeVisible()
  const small = await open(person, { path: '/you', live: false, viewport: { width: 390, height: 844 } })
  await small.page.getByRole('link', { name: 'What you have completed' }).click()
  await expect(small.page.getByRole('heading', { level: 1, name: 'Stats' })).toBeVisible()
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe-core finds nothing, ${colorScheme}`, async ({ open, person }) => {
    test.slow() // axe-core takes seconds for each page
    await aDay(person)
    const window = await open(person, { path: '/stats', live: false, colorScheme })
    await expect(figure(window, 'Completed')).toHaveText('2')
    for (const summary of await window.page.getByText('As a table').all()) await summary.click()
    for (const path of ['/stats', '/stats/settings']) {
      if (path !== '/stats') await window.goto(path)
      const { violations } = await new AxeBuilder({ page: window.page }).analyze()
      const found = violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(node => node.html) }))
      expect.soft(found, path).toEqual([])
    }
  })
}
