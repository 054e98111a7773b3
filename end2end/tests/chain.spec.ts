// The whole chain at once: what one click does, everywhere; and that history, told again, does nothing.
import { PostOffice } from '../support/post-office.mjs'
import { Receiver, verified } from '../support/receiver.mjs'
import { expect, testOfItsOwn, type Window } from '../support/test'

const test = testOfItsOwn.extend<{ office: PostOffice; receiver: Receiver }>({
  office: async ({}, use) => {
    const office = await PostOffice.start()
    await use(office)
    await office.stop()
  },
  receiver: async ({}, use) => {
    const receiver = await Receiver.start()
    await use(receiver)
    receiver.stop()
  },
  settings: async ({ office }, use) => {
    await use({ TODO_SMTP_URL: office.address, TODO_MAIL_FROM: 'todo@example.com', TODO_ALLOW_PRIVATE_TARGETS: 'true' })
  },
})

const figure = ({ page }: Window, name: string) => page.locator('.figure', { hasText: name }).locator('strong')

test('one click is in the feed, the mail, a signed webhook, the plot, the points, the audit log and the search', async ({
  open,
  todo,
  person,
  office,
  receiver,
}) => {
  test.setTimeout(120_000)
  await todo.run('admin', 'grant', person.email)
  const wishes = await open(person, { path: '/notifications', live: false })
  await wishes.page.getByRole('checkbox', { name: 'A task is completed, by e-mail' }).check()
  await wishes.press('Save')
  await wishes.goto('/webhooks/new/webhook')
  await wishes.page.getByLabel('Address').fill(`${receiver.url}/hook`)
  await wishes.page.getByRole('button', { name: 'Add', exact: true }).click()
  const secret = await wishes.page.getByRole('status').locator('pre').innerText()
  const stats = await open(person, { path: '/stats', live: false })
  await expect(figure(stats, 'Completed')).toHaveText('0')
  const window = await open(person)
  await window.add('Water the ferns')
  // Taken by the server: before that there is nothing to complete.
  await expect(window.feed.getByText(/You added Water the ferns/)).toBeVisible()
  await window.check('Water the ferns').click()

  // The feed, and the plot and the points of another window, by themselves.
  await expect(window.feed.getByText(/You added and completed Water the ferns/)).toBeVisible()
  await expect(figure(stats, 'Completed')).toHaveText('1')
  await expect(stats.page.getByRole('img', { name: /^1 tasks? completed and 1 added/ })).toBeAttached()
  await expect(stats.page.locator('.goal', { hasText: 'Level 1' }).locator('.count')).toHaveText('15 points, 85 to level 2')
  // The mail.
  const letters = () => office.letters(person.email).map(letter => /^Subject: (.*)$/m.exec(letter)?.[1]).sort()
  await expect.poll(letters).toEqual(['Welcome to Todo Evolution', 'Well done: Water the ferns'])
  // The webhooks, as the official library verifies them.
  await expect.poll(() => receiver.calls.length).toBe(2)
  const events = receiver.calls.map(call => verified(call, secret) as any)
  expect(events.map(event => event.event_type)).toEqual(['task.created', 'task.completed'])
  // The search.
  await expect.poll(async () => (await person.search('ferns is:done')).hits?.length ?? 0).toBe(1)
  // The audit log.
  const audit = await open(person, { path: '/audit', live: false })
  const rows = audit.page.locator('.audit .letter')
  await expect(async () => {
    await audit.page.reload()
    await expect(rows.locator('strong', { hasText: 'task.completed' })).toHaveCount(1, { timeout: 500 })
    // Opening this page was a login, which is the last row.
    await expect(rows.first()).toContainText('user.logged_in', { timeout: 500 })
  }).toPass()

  // Nobody hears of it again when history is told again.
  const before = await rows.count()
  await todo.run('republish', '--from', '1')
  const task = await person.create('The last word')
  await expect.poll(() => receiver.calls.length).toBe(3)
  expect((verified(receiver.calls[2], secret) as any).data.task_id).toBe(task)
  await person.complete(task)
  await expect.poll(letters).toEqual(['Welcome to Todo Evolution', 'Well done: The last word', 'Well done: Water the ferns'])
  await expect(figure(stats, 'Completed')).toHaveText('2')
  await expect.poll(() => receiver.calls.length).toBe(4)
  await expect(async () => {
    await audit.page.reload()
    await expect(rows).toHaveCount(before + 2, { timeout: 500 })
  }).toPass()
  await todo.run('audit', 'verify')
  for (const readModel of ['activity', 'analytics', 'points']) await todo.run('rebuild', readModel, '--check')
})
