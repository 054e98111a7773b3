// What is deleted comes back: just after, by one press; for a month, from the trash.
import { expect, test } from '../support/test'

test('a deletion is undone beside the list, in every window', async ({ open, person }) => {
  const task = await person.create('Buy milk', 'Two bottles')
  await person.complete(await person.create('Sell cows'))
  const [window, other] = [await open(person), await open(person)]
  await window.openTask('Buy milk')
  await window.press('Delete')
  await expect(window.page.getByText('Task deleted.')).toBeVisible()
  await expect(other.row('Buy milk')).toHaveCount(0)
  await window.press('Undo')
  for (const { page, row } of [window, other].map(w => ({ page: w.page, row: w.row('Buy milk') }))) {
    await expect(row).toHaveCount(1)
    await expect(row).toContainText('Two bottles')
    await expect(page.locator('.line', { hasText: /You deleted and restored Buy milk/ })).toHaveCount(1)
  }
  await expect(window.page.getByText('Task deleted.')).toHaveCount(0)
  await window.page.goto(`/tasks/${task}`)
  await expect(window.title).toHaveValue('Buy milk')
})

test('several deletions are undone by one press, and by the key u', async ({ open, person }) => {
  for (const title of ['One', 'Two', 'Three']) await person.create(title)
  const window = await open(person)
  for (const title of ['One', 'Two']) {
    await window.openTask(title)
    await window.press('Delete')
  }
  await expect(window.page.getByText('2 tasks deleted.')).toBeVisible()
  await window.press('Undo')
  await expect(window.row('One')).toHaveCount(1)
  await expect(window.row('Two')).toHaveCount(1)

  await window.openTask('Three')
  await window.press('Delete')
  await expect(window.page.getByText('Task deleted.')).toBeVisible()
  await window.page.keyboard.press('u')
  await expect(window.row('Three')).toHaveCount(1)
})

test('the undo goes after ten seconds, but not from under the pointer', async ({ open, person }) => {
  await person.create('Buy milk')
  const window = await open(person)
  const { page } = window
  await page.clock.install()
  await window.openTask('Buy milk')
  await window.press('Delete')
  const undo = page.getByRole('button', { name: 'Undo' })
  await undo.hover()
  await page.clock.runFor(30_000)
  await expect(undo).toBeVisible()
  await page.mouse.move(0, 0)
  await undo.focus()
  await page.clock.runFor(30_000)
  await expect(undo).toBeVisible()
  await undo.evaluate((button: HTMLElement) => button.blur())
  await page.clock.runFor(2_000)
  await expect(undo).toHaveCount(0)
})

test('the trash gives back what is chosen, and lets go of the rest', async ({ open, person, expected }) => {
  expected.push(/status of 422/)
  for (const title of ['Plant a tree', 'Buy milk', 'Sell cows']) await person.delete(await person.create(title))
  const window = await open(person)
  await window.page.getByRole('navigation', { name: 'Main', exact: true }).getByRole('link', { name: 'Trash' }).click()
  const { page } = window
  await expect(page).toHaveTitle('Trash · Todo Evolution')
  const lines = page.getByRole('listitem')
  await expect(lines).toHaveCount(3)
  await expect(lines.first()).toContainText(/Sell cows.*deleted .* gone for good /s)

  await page.getByRole('button', { name: 'Restore Plant a tree' }).click()
  await expect(lines).toHaveCount(2)
  await page.getByRole('checkbox', { name: 'Choose Buy milk' }).check()
  await page.getByText('Delete the chosen for good').click()
  await page.getByRole('button', { name: 'Delete for good' }).click()
  await expect(lines).toHaveCount(1)
  await page.getByRole('button', { name: 'Restore the chosen' }).click()
  await expect(page.getByRole('alert')).toHaveText('Choose at least one task.')
  await page.getByText('Empty the trash').click()
  await page.getByRole('button', { name: 'Empty it' }).click()
  await expect(page.getByText('Nothing here.')).toBeVisible()

  await window.goto('/')
  await window.isLive()
  await expect(window.row('Plant a tree')).toHaveCount(1)
  await expect(window.told('You deleted for good Sell cows')).toHaveCount(1)
})
