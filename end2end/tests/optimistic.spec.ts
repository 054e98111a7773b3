// A change shows at once; what the server does not do is taken back, with the reason.
import { type Page } from '@playwright/test'
import { expect, test } from '../support/test'

test('an edit of a task that was deleted meanwhile is taken back with the reason', async ({ open, person, expected }) => {
  expected.push(/status of 404/)
  const task = await person.create('Call the bank')
  const window = await open(person)
  const request = await hold(window.page, '**/api/tasks/edit')

  await window.openTask('Call the bank')
  await window.title.fill('Call the other bank')
  await window.press('Save')
  await expect(window.row('Call the other bank'), 'shows before the server has said anything').toHaveCount(1)

  await person.delete(task)
  await expect(window.told('deleted Call the bank')).toHaveCount(1)
  await request.release()
  await expect(window.page.getByText('It may have been deleted meanwhile.').first()).toBeVisible()
  await expect(window.check('Call the other bank')).toHaveCount(0)
  await window.press('Dismiss')
  await expect(window.page.getByRole('button', { name: 'Dismiss' })).toHaveCount(0)
})

test('a refused change returns to what was, says why, and may be tried again', async ({ open, person, expected }) => {
  expected.push(/status of 422/)
  await person.create('Write the talk')
  const window = await open(person)
  // Of itself the page sends nothing that the server refuses, so it is changed on the way.
  const request = await hold(window.page, '**/api/tasks/edit', form => form.set('title', 'x'.repeat(501)))

  await window.openTask('Write the talk')
  await window.title.fill('Write the keynote')
  await window.press('Save')
  await expect(window.row('Write the keynote')).toHaveCount(1)

  await request.release()
  const row = window.row('Write the talk')
  await expect(row).toContainText('501 characters; at most 500 fit')
  await expect(window.row('Write the keynote')).toHaveCount(0)

  await row.getByRole('button', { name: 'Retry' }).click()
  await expect(window.told('added and renamed')).toHaveCount(1)
  await expect(window.row('Write the keynote')).not.toContainText('at most 500 fit')
})

test('a completed task that is refused is open again', async ({ open, person, expected }) => {
  expected.push(/status of 404/)
  await person.create('Feed the cat')
  const window = await open(person)
  const request = await hold(window.page, '**/api/tasks/complete', form => form.set('task_id', '0'))
  await window.check('Feed the cat').click()
  await expect(window.check('Feed the cat')).toBeChecked()
  await request.release()
  await expect(window.check('Feed the cat')).not.toBeChecked()
  await expect(window.row('Feed the cat')).toContainText('This task does not exist.')
})

test('an answer that got lost makes no second task', async ({ open, person, expected }) => {
  expected.push(/ERR_CONNECTION_RESET/)
  const window = await open(person)
  await window.page.route('**/api/tasks', async route => {
    await route.fetch()
    await route.abort('connectionreset')
    await window.page.unroute('**/api/tasks')
  })
  await window.add('Pay the rent')
  await expect(window.told('added Pay the rent')).toHaveCount(1)
  await expect(window.row('Pay the rent')).toHaveCount(1)
  await expect(window.page.getByRole('button', { name: 'Retry' })).toHaveCount(0)
  await window.page.reload()
  await window.isLive()
  await expect(window.row('Pay the rent')).toHaveCount(1)
})

test('a task can be checked before the server knows of it', async ({ open, person }) => {
  const window = await open(person)
  const request = await hold(window.page, '**/api/tasks')
  await window.add('Post the letter')
  await window.check('Post the letter').click()
  await expect(window.check('Post the letter')).toBeChecked()
  await request.release()
  await expect(window.told(/completed Post the letter/)).toHaveCount(1)
  await window.page.reload()
  await expect(window.check('Post the letter')).toBeChecked()
})

test('changes made quickly one after the other arrive in order', async ({ open, person }) => {
  const window = await open(person)
  const titles = Array.from({ length: 20 }, (_, i) => `Quick ${i}`)
  for (const title of titles) await window.add(title)
  for (const title of titles.slice(1, 5)) await window.check(title).click()
  // Done and undone before the server can have answered.
  await window.check(titles[0]).evaluate((check: HTMLElement) => {
    check.click()
    check.click()
  })
  for (const title of titles) await expect(window.told(new RegExp(`added.* ${title}$`))).toHaveCount(1)
  for (const title of titles.slice(1, 5)) await expect(window.told(`completed ${title}`)).toHaveCount(1)
  await expect(window.told(/reopened Quick 0/)).toHaveCount(1)
  const other = await open(person)
  expect((await other.says()).feed).toEqual((await window.says()).feed)
  await expect(other.check(titles[0])).not.toBeChecked()
  await expect(other.page.locator('main summary')).toHaveText(/Done\s*4/)
})

/** Holds the next request to `url` until it is released, changed by `change`. */
async function hold(page: Page, url: string, change = (_form: URLSearchParams) => {}) {
  let release = () => {}
  const released = new Promise<void>(resolve => (release = resolve))
  await page.route(
    url,
    async route => {
      await released
      const form = new URLSearchParams(route.request().postData() ?? '')
      change(form)
      await route.continue({ postData: form.toString() })
    },
    { times: 1 },
  )
  return {
    async release() {
      const answered = page.waitForResponse(url)
      release()
      await answered
    },
  }
}
