// The catalogue of events: plain, readable by programs, and with one's own events in it.
import { expect, test } from '../support/test'

test('the catalogue shows what an event says, by one of my own, without JavaScript', async ({ open, person }) => {
  await person.create('Buy milk', 'Two litres')
  const window = await open(person, { path: '/you', javaScriptEnabled: false })
  const { page } = window
  await page.getByRole('link', { name: 'What every kind of event says, and who reads it' }).click()
  await expect(page).toHaveURL('/events')

  const created = page.getByRole('region', { name: 'task.created' })
  await expect(created).toContainText('A task was written down.')
  await expect(created).toContainText('task.created.dlq')
  await expect(created).toContainText('activity')
  const sample = created.locator('pre').first()
  await expect(sample).toBeHidden()
  await created.getByText('Your latest').click()
  const event = JSON.parse(await sample.innerText())
  expect(event.data).toMatchObject({ title: 'Buy milk', description: 'Two litres' })

  const deleted = page.getByRole('region', { name: 'task.deleted' })
  await deleted.getByText('An example: you have none of your own yet').click()
  await expect(deleted.locator('pre').first()).toContainText('"reason": "user_requested"')

  const link = created.getByRole('link', { name: 'Schema of task.created 1.0' })
  const schema = await (await page.request.get((await link.getAttribute('href'))!)).json()
  await created.getByText('Schema of version 1.0').click()
  expect(JSON.parse(await created.locator('pre').last().innerText())).toEqual(schema)
  expect(schema.properties.event_type.const).toBe('task.created')
  expect((await page.request.get('/events/asyncapi.json')).ok()).toBe(true)
})
