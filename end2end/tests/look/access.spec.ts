// WCAG 2.2 AA as far as axe-core can tell, in both colour schemes.
import { AxeBuilder } from '@axe-core/playwright'
import { aDay } from '../../support/day'
import { expect, test, type Window } from '../../support/test'

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe-core finds nothing serious, ${colorScheme}`, async ({ open, person, expected }) => {
    test.slow() // axe-core takes seconds for each page
    expected.push(/status of 422/)
    const guest = await open(null, { path: '/register', colorScheme })
    await check(guest, '/register')
    await guest.page.getByLabel('Name').fill('Grace')
    await guest.page.getByLabel('E-mail').fill('grace@example.com')
    await guest.page.getByLabel('Password').fill('short')
    await guest.press('Sign up')
    await expect(guest.page.getByLabel('Password')).toHaveAttribute('aria-invalid', 'true')
    await check(guest, '/register, refused')
    await guest.goto('/login')
    await check(guest, '/login')

    const window = await open(person, { colorScheme })
    await check(window, '/ without tasks')
    const task = await aDay(person)
    await expect(window.told('You added and deleted Buy a second ladder')).toHaveCount(1)
    await window.showDone()
    await window.add('x'.repeat(501))
    await expect(window.newTask).toHaveAttribute('aria-invalid', 'true')
    await check(window, '/ with tasks, feed, and a refusal')
    await window.goto(`/tasks/${task}`)
    await window.isLive()
    await check(window, '/tasks/:id')
    await window.goto('/feed?by=you')
    await window.isLive()
    await window.unfold('added and deleted Buy a second ladder')
    await check(window, '/feed, filtered and unfolded')
    await window.goto('/you')
    await check(window, '/you')
    await window.goto('/events')
    await window.page.locator('summary').first().click()
    await check(window, '/events')
    await window.goto('/notifications')
    await expect(window.page.getByRole('button', { name: 'Save' })).toBeVisible()
    await check(window, '/notifications')
    await window.goto('/trash')
    await expect(window.page.getByRole('listitem')).toHaveCount(1)
    await window.page.getByText('Empty the trash').click()
    await check(window, '/trash')

    const small = await open(person, { colorScheme, viewport: { width: 390, height: 844 }, hasTouch: true })
    await check(small, '/ on a small screen')
    await small.goto('/feed')
    await small.isLive()
    await check(small, '/feed on a small screen')
  })
}

async function check({ page }: Window, what: string) {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  const found = serious.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(node => `${node.html}\n${node.failureSummary}`) }))
  expect.soft(found, what).toEqual([])
}

test('every part is reached and used by keyboard', async ({ open, person }) => {
  await person.create('Second')
  await person.create('First')
  const { page } = await open(person)
  await page.keyboard.press('Tab')
  await expect(page.getByRole('link', { name: 'Skip to the tasks' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('main')).toBeFocused()
  await page.keyboard.press('q')
  await expect(page.getByLabel('New task')).toBeFocused()
  await page.keyboard.type('Made by keyboard, q and all')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('checkbox', { name: 'Made by keyboard, q and all' })).toBeVisible()

  const first = page.getByRole('main').getByRole('link', { name: 'First' })
  await first.focus()
  await page.keyboard.press('Enter')
  await expect(page.getByLabel('Title')).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(first, 'the focus returns to where it was').toBeFocused()

  await page.getByRole('checkbox', { name: 'Second' }).focus()
  await page.keyboard.press('Space')
  await expect(page.getByText('You completed Second')).toBeVisible()
})
