// Messages that a browser shows by itself. No push service is to be had in a test, so what a service
// would bring is handed to the worker by Chromium; server/tests/it has a service of its own.
import type { CDPSession } from '@playwright/test'
import { expect, test, type Window } from '../support/test'

test('who says no is told how to say yes', async ({ open, person }) => {
  const { page } = await open(person, { path: '/notifications', live: false })
  const here = page.getByRole('switch', { name: 'This browser' })
  await expect(here).not.toBeChecked()
  // Headless Chromium refuses whatever is asked of its person.
  await here.click()
  await expect(page.locator('#push-state')).toContainText('Allow them beside its address')
  await expect(here).not.toBeChecked()
  expect(await registrations({ page } as Window), 'nothing is left behind').toBe(0)
})

test('a push service out of reach is told, and the switch goes back', async ({ open, person, expected }) => {
  expected.push(/Push API in incognito mode/)
  const window = await open(person, { path: '/notifications', live: false, permissions: ['notifications'] })
  const here = window.page.getByRole('switch', { name: 'This browser' })
  await here.click()
  await expect(window.page.locator('#push-state')).toContainText('does not reach its push service')
  await expect(here).not.toBeChecked()
  await expect(here).toBeEnabled()
  expect(await registrations(window), 'nothing is left behind').toBe(0)
})

test('a browser without the Push API says so', async ({ open, person }) => {
  const window = await open(person, { path: '/you', live: false })
  await window.page.addInitScript(() => delete (globalThis as any).PushManager)
  await window.goto('/notifications')
  await expect(window.page.locator('#push-state')).toContainText('This browser shows no messages')
  await expect(window.page.getByRole('switch', { name: 'This browser' })).toBeDisabled()
})

test('a browser that is switched on is listed, tested and removed', async ({ open, person }) => {
  const window = await open(person, { path: '/notifications', live: false, permissions: ['notifications'] })
  const { page } = window
  // What a push service would answer; everything else is the page and the server.
  await page.addInitScript(() => {
    const keys = { p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4', auth: 'BTBZMqHH6r4Tts7J_aSIgg' }
    const subscription = {
      endpoint: 'https://push.example.com/' + location.port,
      toJSON: () => ({ endpoint: subscription.endpoint, keys }),
      unsubscribe: async () => sessionStorage.removeItem('on'),
    }
    PushManager.prototype.getSubscription = async () => (sessionStorage.getItem('on') ? subscription : null) as any
    PushManager.prototype.subscribe = async () => {
      sessionStorage.setItem('on', '1')
      return subscription as any
    }
  })
  await page.reload()
  const here = page.getByRole('switch', { name: 'This browser' })
  await here.click()
  const line = page.getByRole('listitem').filter({ hasText: 'this one' })
  // The session was begun by the test itself.
  await expect(line).toContainText('node')
  await expect(here).toBeChecked()
  expect(await registrations(window)).toBe(1)

  await line.getByRole('button', { name: 'Send a test message to node' }).click()
  await expect(page).toHaveURL('/notifications')
  await here.click()
  await expect(here).not.toBeChecked()
  await expect(line).toHaveCount(0)
  expect(await registrations(window)).toBe(0)
})

test('what comes is shown, and leads to its page', async ({ open, person }) => {
  const task = await person.create('Buy milk')
  const window = await open(person, { path: '/notifications', live: false, permissions: ['notifications'] })
  const push = await worker(window)
  await push(JSON.stringify({ title: 'On your list', body: 'Buy milk', url: `/tasks/${task}`, tag: `task-${task}` }))
  await expect.poll(() => shown(window)).toEqual([{ title: 'On your list', body: 'Buy milk', tag: `task-${task}`, url: `/tasks/${task}` }])
  await push(JSON.stringify({ title: 'Well done!', body: 'Buy milk', url: `/tasks/${task}`, tag: `task-${task}` }))
  await expect.poll(() => shown(window)).toEqual([expect.objectContaining({ title: 'Well done!' })])
  // What cannot be read is shown too: a browser takes the permission from who shows nothing.
  await push('<no JSON>')
  await expect.poll(async () => (await shown(window)).map(({ title }) => title).sort()).toEqual(['Todo Evolution', 'Well done!'])
})

/** Registers the worker as the switch does; how to hand it a message. */
async function worker({ page }: Window): Promise<(data: string) => Promise<void>> {
  const session: CDPSession = await page.context().newCDPSession(page)
  const registered = new Promise<string>(found => {
    session.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
      const active = versions.find(version => version.status === 'activated')
      if (active) found(active.registrationId)
    })
  })
  await session.send('ServiceWorker.enable')
  await page.evaluate(() => navigator.serviceWorker.register('/push-worker.js', { scope: '/push/' }))
  const registrationId = await registered
  const origin = new URL(page.url()).origin
  return async data => {
    await session.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data })
  }
}

function shown({ page }: Window) {
  return page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration('/push/')
    const all = await registration!.getNotifications()
    return all.map(({ title, body, tag, data }) => ({ title, body, tag, url: data.url }))
  })
}

function registrations({ page }: Window): Promise<number> {
  return page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length)
}
