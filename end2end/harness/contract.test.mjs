// node --test harness/: the comparison finds each thing that can be wrong, and nothing where all is well.
import assert from 'node:assert/strict'
import test from 'node:test'
import { differences, repeats } from './contract.mjs'

/** Ada makes two tasks of the same title. */
function run() {
  const store = [1, 2].map(seq => ({
    seq,
    actor_id: 'user-ada',
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    event: {
      event_id: `e${seq}`,
      event_type: 'task.created',
      timestamp: `2026-02-08T10:30:0${seq}Z`,
      version: '1.0',
      data: { task_id: seq, user_id: 'user-ada', title: 'Milk', description: '', completed: false, created_at: `2026-02-08T10:30:0${seq}Z` },
    },
  }))
  const notes = store.map(({ seq, traceparent, event }) => ({
    path: '/task.created',
    body: JSON.stringify(event),
    headers: {
      seq: `${seq}`,
      traceparent,
      __key: 'user-ada',
      __topic: 'task.created',
      ce_specversion: '1.0',
      ce_id: event.event_id,
      ce_source: '/todo-evolution',
      ce_type: 'task.created',
      ce_time: event.timestamp,
      ce_subject: `${seq}`,
      ce_partitionkey: 'user-ada',
      ce_sequence: `${seq}`,
      ce_actorid: 'user-ada',
    },
  }))
  return { store, notes }
}

test('all is well', () => {
  const { store, notes } = run()
  assert.deepEqual(differences(store, notes), [])
  assert.deepEqual(repeats(notes), [])
})

test('what came twice is no difference, but a repeat', () => {
  const { store, notes } = run()
  notes.push(notes[0])
  assert.deepEqual(differences(store, notes), [])
  assert.deepEqual(repeats(notes), ['e1'])
})

for (const [what, spoil, expected] of [
  ['an event is lost', ({ notes }) => notes.pop(), /^lost: .* e2/],
  ['an event is made up', ({ store }) => store.pop(), /^made up: /],
  ['what came is no JSON', ({ notes }) => notes.push({ ...notes[0], body: 'garbage' }), /^made up: .* garbage/],
  ['two came the wrong way round', ({ notes }) => notes.reverse(), /e1.*: it came after number 2/],
  ['the path is another', ({ notes }) => (notes[1].path = '/task.updated'), /the path is \/task\.updated/],
  ['the body is wrapped', ({ notes }) => (notes[1].body = notes[1].body.replace('}', ',"specversion":"1.0"}')), /the body is /],
  ['a field is spelled otherwise', ({ store, notes }) => {
    store[1].event.data = { ...store[1].event.data, note: '' }
    notes[1].body = JSON.stringify(store[1].event)
  }, /its data's shape is .*,note/],
  ['a header is missing', ({ notes }) => delete notes[1].headers.ce_id, /header ce_id is undefined/],
  ['the trace is another', ({ notes }) => (notes[1].headers.traceparent = 'x'), /header traceparent is x/],
]) {
  test(what, () => {
    const history = run()
    spoil(history)
    const found = differences(history.store, history.notes)
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0], expected)
  })
}
