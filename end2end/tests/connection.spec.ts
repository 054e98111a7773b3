// What happens when the server or the network goes away and comes back.
import type { Cable } from '../support/cable.mjs'
import { expect, testOfItsOwn as test, type Window } from '../support/test'

const UNREACHABLE = /ERR_(CONNECTION|INTERNET|NETWORK|SOCKET)|WebSocket connection to/

test('a server that is killed and comes back: both windows end equal, nothing is missed', async ({ todo, open, person, expected }) => {
  expected.push(UNREACHABLE)
  await person.create('Before')
  const one = await open(person)
  const two = await open(person)

  await todo.kill()
  await expect(one.connection).toHaveText('Offline')
  await expect(two.connection).toHaveText('Offline')
  await one.add('In the dark')
  const row = one.row('In the dark')
  await expect(row).toContainText('the server cannot be reached')
  await expect(one.connection).toHaveText('Offline, 1 change waits')
  await row.getByRole('button', { name: 'Retry' }).click()
  await expect(row.getByRole('button', { name: 'Retry' })).toBeVisible()

  await todo.restart()
  await person.create('Before anybody is back')
  await one.isLive()
  await two.isLive()
  await bothTell(one, two, ['In the dark', 'Before anybody is back', 'Before'])

  // Both hear of what happens from now on.
  await two.add('Afterwards')
  await bothTell(one, two, ['Afterwards', 'In the dark', 'Before anybody is back', 'Before'])
})

test('a server that is stopped and started: no window has to be reloaded', async ({ todo, open, person, expected }) => {
  expected.push(UNREACHABLE)
  const one = await open(person)
  const two = await open(person)
  await one.add('Before')
  await expect(two.row('Before')).toHaveCount(1)
  await todo.kill('SIGTERM')
  await expect(two.connection).toHaveText('Offline')
  await todo.restart()
  await one.isLive()
  await two.isLive()
  await two.add('After')
  await bothTell(one, two, ['After', 'Before'])
})

test('a window that lost the network says so, and catches up when it is back', async ({ open, person, cable, expected }) => {
  expected.push(UNREACHABLE)
  const task = await person.create('Plan')
  const here = await open(person)
  const away = await open(person, { baseURL: cable.url })

  await loseNetwork(away, cable)
  await expect(away.connection).toHaveText('Offline')
  await away.add('From the train')
  await expect(away.row('From the train')).toContainText('the server cannot be reached')
  await here.add('From home')
  // In this order: an edit right after the task was added would be told in one line with that.
  await expect(here.told('added From home')).toHaveCount(1)
  await person.edit(task, 'Plan B')
  await expect(here.row('Plan B')).toHaveCount(1)
  await expect(away.row('Plan')).toHaveCount(1)

  cable.mend()
  await away.page.context().setOffline(false)
  await away.isLive()
  await bothTell(here, away, ['From the train', 'From home', 'Plan'])
  await expect(away.row('Plan B')).toHaveCount(1)
})

test('a connection that goes dead without a word is noticed and replaced', async ({ todo, open, person, cable, expected }) => {
  expected.push(UNREACHABLE)
  const away = await open(person, { baseURL: cable.url, live: false, path: '/login' })
  await away.page.clock.install()
  await away.goto('/')
  await away.isLive()

  cable.freeze()
  await person.create('Unheard')
  await away.page.clock.fastForward('00:50')
  await expect(away.connection).not.toHaveText('Live')
  cable.mend()
  await away.page.clock.fastForward('00:50')
  await away.isLive()
  await expect(away.row('Unheard')).toHaveCount(1)
})

/** Breaks the connections too: Chromium's emulation leaves open sockets alone. */
async function loseNetwork(window: Window, cable: Cable) {
  await window.page.context().setOffline(true)
  cable.cut()
}

/** Each of `titles` was added once, and both windows say the same of everything. */
async function bothTell(one: Window, two: Window, titles: string[]) {
  for (const window of [one, two]) {
    for (const title of titles) await expect(window.told(new RegExp(`You added ${title}$`))).toHaveCount(1)
    await expect(window.page.getByRole('button', { name: 'Retry' })).toHaveCount(0)
  }
  expect(await one.says()).toEqual(await two.says())
}
