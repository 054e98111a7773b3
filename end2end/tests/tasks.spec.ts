// What a person does with tasks, and what other windows see of it.
import { expect, test } from '../support/test'

test('a task is created, edited, completed, reopened and deleted', async ({ open, person }) => {
  const window = await open(person)
  await expect(window.page.getByText('Nothing here yet.')).toBeVisible()

  await window.add('Buy milk')
  await expect(window.row('Buy milk')).toHaveCount(1)
  await expect(window.told('You added Buy milk')).toHaveCount(1)
  await expect(window.newTask).toHaveValue('')
  await expect(window.newTask).toBeFocused()

  await window.openTask('Buy milk')
  await expect(window.page).toHaveURL(/\/tasks\/\d+$/)
  await window.title.fill('Buy oat milk')
  await window.description.fill('Two litres')
  await window.press('Save')
  await expect(window.row('Buy oat milk')).toContainText('Two litres')
  const line = window.told('Buy oat milk')
  await expect(line).toContainText('You added and edited Buy oat milk')
  await window.unfold('Buy oat milk')
  await expect(line.getByRole('insertion')).toHaveText([/oat/, 'Two litres'])

  await window.openTask('Buy oat milk')
  await window.title.fill('Sell cows')
  await window.press('Save')
  const renamed = window.told('You added, edited and renamed Sell cows').getByRole('listitem').last()
  await expect(renamed.getByRole('deletion')).toHaveText('Buy oat milk')
  await expect(renamed.getByRole('insertion')).toHaveText('Sell cows')

  await window.check('Sell cows').click()
  await expect(window.told('renamed and completed Sell cows')).toHaveCount(1)
  await expect(window.page.getByText('All done.')).toBeVisible()
  await window.showDone()
  await expect(window.check('Sell cows')).toBeChecked()

  await window.check('Sell cows').click()
  await expect(window.told('completed and reopened Sell cows')).toHaveCount(1)
  await expect(window.check('Sell cows')).not.toBeChecked()

  await window.openTask('Sell cows')
  await window.press('Delete')
  await expect(window.row('Sell cows')).toHaveCount(0)
  await expect(window.told('You added, edited, renamed, completed, reopened and deleted Sell cows')).toHaveCount(1)

  const said = await window.says()
  await window.page.reload()
  await window.isLive()
  expect(await window.says()).toEqual(said)
})

test('every open window sees each change without a reload', async ({ open, person }) => {
  const one = await open(person)
  const beside = await open(person, { beside: one })
  const elsewhere = await open(person)
  const others = [beside, elsewhere]
  const all = [one, ...others]
  for (const window of all) await window.page.evaluate(() => Object.assign(globalThis, { neverReloaded: true }))

  await one.add('Water the plants')
  for (const window of others) {
    await expect(window.row('Water the plants')).toHaveCount(1)
    await expect(window.told('added Water the plants')).toHaveCount(1)
  }

  await elsewhere.openTask('Water the plants')
  await elsewhere.title.fill('Water the ferns')
  await elsewhere.description.fill('Not the cactus')
  await elsewhere.press('Save')
  for (const window of [one, beside]) {
    await expect(window.row('Water the ferns')).toContainText('Not the cactus')
    await window.unfold('added and edited Water the ferns')
    await expect(window.told('edited').getByRole('deletion')).toHaveText('plants')
    await expect(window.told('edited').getByRole('insertion')).toHaveText(['ferns', 'Not the cactus'])
  }

  await beside.check('Water the ferns').click()
  for (const window of all) {
    await expect(window.told('edited and completed Water the ferns')).toHaveCount(1)
    await expect(window.page.getByText('All done.')).toBeVisible()
    await window.showDone()
    await expect(window.check('Water the ferns')).toBeChecked()
  }

  await one.check('Water the ferns').click()
  for (const window of all) {
    await expect(window.told('completed and reopened Water the ferns')).toHaveCount(1)
    await expect(window.check('Water the ferns')).not.toBeChecked()
  }

  await elsewhere.openTask('Water the ferns')
  await elsewhere.press('Delete')
  for (const window of all) {
    await expect(window.told('reopened and deleted Water the ferns')).toHaveCount(1)
    await expect(window.row('Water the ferns')).toHaveCount(0)
    // What is gone cannot be opened.
    await expect(window.feed.getByRole('link', { name: 'Water the ferns' })).toHaveCount(0)
  }

  const said = await one.says()
  expect(said.feed).toHaveLength(2)
  for (const window of all) {
    expect(await window.says()).toEqual(said)
    expect(await window.page.evaluate(() => 'neverReloaded' in globalThis)).toBe(true)
  }
})

test('an edit of one field leaves the other', async ({ open, person }) => {
  await person.create('Letter', 'Dear Ada,')
  const window = await open(person)
  await window.openTask('Letter')
  await window.title.fill('Letter to Ada')
  await window.press('Save')
  await expect(window.told('added and renamed')).toHaveCount(1)
  await expect(window.row('Letter to Ada')).toContainText('Dear Ada,')

  await window.openTask('Letter to Ada')
  await window.description.fill('Dear Ada, thank you')
  await window.press('Save')
  await expect(window.told('renamed and edited')).toContainText('thank you')
  await expect(window.row('Letter to Ada')).toContainText('thank you')
})

test("someone else's change neither moves the focus nor takes what is being typed", async ({ open, person }) => {
  const task = await person.create('Letter', 'Dear Ada,')
  const window = await open(person, { path: `/tasks/${task}` })
  await window.title.fill('Letter to Ada')
  await window.description.press('End')
  await window.description.pressSequentially(' thank you')

  await person.edit(task, 'Letter, urgent', 'Dear Ada,')
  await person.create('Something else')
  await expect(window.row('Something else')).toHaveCount(1)
  await expect(window.page.getByText('Its title is now “Letter, urgent”')).toBeVisible()
  await expect(window.description).toBeFocused()
  await expect(window.title).toHaveValue('Letter to Ada')
  await expect(window.description).toHaveValue('Dear Ada, thank you')

  await person.delete(task)
  await expect(window.told('deleted Letter, urgent')).toHaveCount(1)
})

test('a title that cannot be is refused beside the field, and stays in it', async ({ open, person }) => {
  const window = await open(person)
  const long = 'x'.repeat(501)
  await window.add(long)
  await expect(window.newTask).toHaveAccessibleDescription(/501 characters; at most 500 fit/)
  await expect(window.newTask).toHaveValue(long)
  await expect(window.newTask).toHaveAttribute('aria-invalid', 'true')

  await window.newTask.fill('x'.repeat(500))
  await expect(window.newTask).not.toHaveAttribute('aria-invalid')
  await window.newTask.press('Enter')
  await expect(window.row('x'.repeat(500))).toHaveCount(1)
})

test('markup in a title is text', async ({ open, person }) => {
  const title = '<img src=x onerror="document.title=1"> & \'quotes\' \u{1F33F}'
  const window = await open(person)
  await window.add(title)
  await expect(window.row(title)).toHaveCount(1)
  await expect(window.told(title)).toHaveCount(1)
  await window.page.reload()
  await window.isLive()
  await expect(window.row(title)).toHaveCount(1)
})

test('news of the feed wait while one reads further down', async ({ open, person }) => {
  for (let i = 1; i <= 30; i++) await person.create(`Task ${i}`)
  const window = await open(person)
  await window.feed.hover()
  await window.page.mouse.wheel(0, 600)
  await expect(window.told('added Task 30')).not.toBeInViewport()
  await person.create('Hot off the press')
  await expect(window.row('Hot off the press')).toHaveCount(1)
  await expect(window.told('Hot off the press')).toHaveCount(0)
  await window.press('1 new')
  await expect(window.told('Hot off the press')).toBeInViewport()
  await expect(window.page.getByRole('button', { name: '1 new' })).toHaveCount(0)
})

test('a long history comes page by page', async ({ open, person }) => {
  for (let i = 1; i <= 60; i++) await person.create(`Task ${i}`)
  await expect.poll(() => person.fed()).toBe(person.seq)
  const window = await open(person, { path: '/feed' })
  await expect(window.told('added')).toHaveCount(50)
  await window.page.getByRole('link', { name: 'Show older' }).click()
  await expect(window.told('added')).toHaveCount(60)
  await expect(window.told('joined')).toHaveCount(1)
  await expect(window.page.getByRole('link', { name: 'Show older' })).toHaveCount(0)
})
