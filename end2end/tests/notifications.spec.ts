// What happened, on a page of its own, and what one wants to hear of.
import { expect, test } from '../support/test'

test('what happens is told, and stays unread until one says so', async ({ open, person }) => {
  const task = await person.create('Buy milk')
  await person.complete(task)
  const { page } = await open(person, { path: '/you', live: false })
  await page.getByRole('link', { name: 'What happened, and what you want to hear of' }).click()
  await expect(page).toHaveURL('/notifications')
  const lines = page.getByRole('listitem')
  // The consumer may be a moment behind.
  await expect(async () => {
    await page.reload()
    await expect(lines).toHaveCount(3, { timeout: 500 })
  }).toPass()
  await expect(page).toHaveTitle('Notifications (3) · Todo Evolution')
  await expect(lines.first()).toContainText('Well done! “Buy milk” is completed.')

  await page.getByRole('button', { name: 'Mark as read: “Buy milk” is on your list.' }).click()
  await expect(page.getByText('2 are unread.')).toBeVisible()
  await page.getByRole('button', { name: 'Mark all as read' }).click()
  await expect(page.getByText('Nothing is unread.')).toBeVisible()
  await expect(page.getByRole('button', { name: /read/i })).toHaveCount(0)

  await lines.first().getByRole('link').click()
  await expect(page).toHaveURL(`/tasks/${task}`)
})

test('what one wants to hear of is kept, and a refusal keeps what was typed', async ({ open, person, expected }) => {
  expected.push(/status of 422/)
  const { page } = await open(person, { path: '/notifications', live: false })
  await expect(page.getByText('E-mail and SMS are not set up on this server.')).toBeVisible()
  await expect(page.getByRole('checkbox', { name: 'A task is added, by e-mail' })).toBeDisabled()
  const added = page.getByRole('checkbox', { name: 'A task is added, here' })
  await expect(added).toBeChecked()
  await added.uncheck()
  await page.getByLabel('From').fill('22:30')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByLabel('Until')).toHaveAccessibleDescription(/such as 22:00 and 07:00/)
  await expect(page.getByLabel('From')).toHaveValue('22:30')
  await expect(added).not.toBeChecked()

  await page.getByLabel('Until').fill('07:00')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page).toHaveURL('/notifications')
  await page.reload()
  await expect(added).not.toBeChecked()
  await expect(page.getByLabel('From')).toHaveValue('22:30')
  await expect(page.getByLabel('Until')).toHaveValue('07:00')
  await expect(page.getByText('By the clock of UTC.')).toBeVisible()
})
