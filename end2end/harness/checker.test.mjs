// node --test harness/: the checker finds each class of violation in made-up histories, and nothing
// in one that is as it should be.
import assert from 'node:assert/strict'
import test from 'node:test'
import { check } from './checker.mjs'

const event = (seq, event_type, data, command_id = `c${seq}`) => ({ seq, command_id, event: { event_id: `e${seq}`, event_type, data } })
const command = (seq, path, form, event, outcome = 'done') => ({ id: `c${seq}`, path, form, start: seq * 10, end: seq * 10 + 5, outcome, event })
const line = (seq, event_type, title, task_id) => ({ seq, event_type, title, task_id })

/** Ada makes a task, edits it, makes another and deletes it; one command changed nothing. */
function history() {
  const store = [
    event(1, 'user.registered', { email: 'ada@example.com' }, null),
    event(2, 'task.created', { task_id: 1, title: 'Milk', description: '', created_at: 't2' }),
    event(3, 'task.updated', { task_id: 1, changes: { title: { old: 'Milk', new: 'Bread' }, description: null } }),
    event(4, 'task.created', { task_id: 2, title: 'Taxes', description: '', created_at: 't4' }),
    event(5, 'task.deleted', { task_id: 2, title: 'Taxes' }),
  ]
  return {
    store,
    commands: [
      command(2, '/api/tasks', { title: 'Milk' }, store[1]),
      command(3, '/api/tasks/edit', { task_id: 1, title: 'Bread' }, store[2]),
      command(4, '/api/tasks', { title: 'Taxes' }, store[3]),
      command(5, '/api/tasks/delete', { task_id: 2 }, store[4]),
      command(6, '/api/tasks/complete', { task_id: 2 }, null, 'refused'),
    ],
    feed: [
      line(5, 'task.deleted', 'Taxes', 2),
      line(4, 'task.created', 'Taxes', 2),
      line(3, 'task.updated', 'Bread', 1),
      line(2, 'task.created', 'Milk', 1),
      line(1, 'user.registered', '', null),
    ],
    tasks: [{ task_id: 1, title: 'Bread', description: '', completed_at: null, created_at: 't2' }],
    windows: [[...store]],
  }
}

/** What the checker finds once `spoil` has been at the history. */
function found(spoil) {
  const made = history()
  spoil(made)
  return [...new Set(check(made).map(violation => violation.class))].sort()
}

test('a history as it should be has no violation', () => {
  assert.deepEqual(found(() => {}), [])
})

test('a command without an answer may have been done once, or not at all', () => {
  assert.deepEqual(found(h => Object.assign(h.commands[1], { outcome: 'unknown', event: undefined, end: undefined })), [])
  assert.deepEqual(found(h => h.commands.push({ id: 'c9', path: '/api/tasks', form: { title: 'Never' }, start: 90, outcome: 'unknown' })), [])
})

const violations = {
  'lost-write': {
    'an acknowledged command without an event': h => h.commands.push(command(6, '/api/tasks', { title: 'Gone' }, event(6, 'task.created', { title: 'Gone' }))),
    'a gap in the event store': h => {
      h.store[3].seq = h.windows[0][3].seq = 9
    },
  },
  duplicate: {
    'a command done twice': h => h.commands.splice(3, 1) && Object.assign(h.store[4], { ...event(5, 'task.created', { task_id: 1, title: 'Milk' }, 'c2') }),
    'an event that a window was sent twice': h => h.windows[0].push(h.store[4]),
    'a line that the feed has twice': h => h.feed.unshift(h.feed[0]),
    'a number given twice': h => h.store.push(event(5, 'task.created', {}, null)),
  },
  unseen: {
    'an event that a window was not sent': h => h.windows[0].splice(2, 1),
    'the last event, which a window was not sent': h => h.windows[0].pop(),
    'an event without a line in the feed': h => h.feed.splice(1, 1),
    'a feed that stopped': h => h.feed.shift(),
  },
  reordered: {
    'a window that was sent the later event first': h => h.windows[0].reverse(),
    'a feed in another order': h => h.feed.reverse(),
    'a command that comes before one that was answered before it was asked': h => {
      const [first, second] = h.commands
      Object.assign(first, { start: 100, end: 101 })
      Object.assign(second, { start: 1, end: 2 })
    },
  },
  inconsistent: {
    'a refused command that was done': h => Object.assign(h.commands[3], { outcome: 'refused', event: null }),
    'an event that nobody asked for': h => h.commands.splice(0, 1),
    'an event that is not the acknowledged one': h => (h.commands[0].event = event(2, 'task.created', { task_id: 1, title: 'Wine' })),
    'an event that is not what was asked for': h => (h.commands[0].form = { title: 'Wine' }),
    'a window that was sent another event': h => (h.windows[0][1] = { ...h.store[1], event: { event_id: 'other' } }),
    'a line that tells something else': h => (h.feed[0].title = 'Wine'),
    'a task that differs from its events': h => (h.tasks[0].title = 'Milk'),
    'a task without events': h => h.tasks.push({ task_id: 3 }),
    'a task that is missing': h => h.tasks.pop(),
  },
}

for (const [kind, cases] of Object.entries(violations)) {
  for (const [what, spoil] of Object.entries(cases)) {
    test(`${kind}: ${what}`, () => assert.ok(found(spoil).includes(kind), `found ${found(spoil)}`))
  }
}
