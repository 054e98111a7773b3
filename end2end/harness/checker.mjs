// What was promised, held against what happened. In the manner of Jepsen's checkers: it knows only
// the histories, and nothing of how the application works.
//
// A history is one person's:
//   commands  what clients asked for, when, and what they were answered
//   store     the events, in the order in which a new window is told them
//   feed      the lines of the activity feed, newest first
//   tasks     the state
//   windows   what each window that was open all the time was sent, in the order of its coming

/**
 * @typedef {object} Command
 * @property {string} id       the command's name: repeated, it is the same command
 * @property {string} path
 * @property {Record<string, string | number>} form
 * @property {number} start    when it was first sent
 * @property {number} [end]    when its outcome became known
 * @property {'done' | 'nothing' | 'refused' | 'unknown'} outcome
 * @property {object} [event]  the event it was answered with
 */

export const CLASSES = ['lost-write', 'duplicate', 'unseen', 'reordered', 'inconsistent']

/** Every violation of a history, as `{class, what}`. None: all promises were kept. */
export function check({ commands, store, feed, tasks, windows }) {
  const found = []
  const say = (kind, what) => found.push({ class: kind, what })
  numbered(store, 'the event store', 'lost-write', say)
  acknowledged(commands, store, say)
  inRealTime(commands, say)
  shown(feed, store, say)
  for (const [i, seen] of windows.entries()) watched(seen, store, `window ${i + 1}`, say)
  folded(tasks, store, say)
  return found
}

/** A line for each class that was found, with its first few cases. */
export function summary(violations) {
  return CLASSES.flatMap(kind => {
    const cases = violations.filter(violation => violation.class === kind)
    if (cases.length === 0) return []
    return [`${cases.length} ${kind}: ${cases.slice(0, 3).map(({ what }) => what).join('; ')}`]
  })
}

/** 1, 2, 3 … to the end. */
function numbered(events, where, missing, say, last = events.length) {
  let highest = 0
  const seqs = new Set()
  for (const { seq } of events) {
    if (seqs.has(seq)) say('duplicate', `${where} has event ${seq} twice`)
    else if (seq < highest) say('reordered', `${where} has event ${seq} after ${highest}`)
    seqs.add(seq)
    highest = Math.max(highest, seq)
  }
  for (let seq = 1; seq <= Math.max(highest, last); seq++) {
    if (!seqs.has(seq)) say(missing, `${where} lacks event ${seq}`)
  }
}

/** What was acknowledged is there, once; what was not may be there, once; nothing else is. */
function acknowledged(commands, store, say) {
  const effects = new Map()
  for (const event of store) {
    if (!event.command_id) continue // An account is made without a named command.
    const others = effects.get(event.command_id)
    if (others) others.push(event)
    else effects.set(event.command_id, [event])
  }
  for (const { id, path, form, outcome, event } of commands) {
    const of = effects.get(id) ?? []
    effects.delete(id)
    if (of.length > 1) say('duplicate', `${path} ${id} was done ${of.length} times`)
    if (outcome === 'done' && of.length === 0) say('lost-write', `${path} ${id} was acknowledged as event ${event.seq}`)
    if ((outcome === 'nothing' || outcome === 'refused') && of.length > 0) {
      say('inconsistent', `${path} ${id} was answered with ${outcome}, and is event ${of[0].seq}`)
    }
    if (outcome === 'done' && of.length > 0 && !same(of[0], event)) {
      say('inconsistent', `${path} ${id}: event ${of[0].seq} is not the acknowledged one`)
    }
    if (of.length > 0 && !asked(path, form, of[0].event)) say('inconsistent', `${path} ${id}: event ${of[0].seq} is not what was asked for`)
  }
  for (const [id, [{ seq }]] of effects) say('inconsistent', `nobody asked for ${id}, event ${seq}`)
}

const TYPES = {
  '/api/tasks': 'task.created',
  '/api/tasks/edit': 'task.updated',
  '/api/tasks/complete': 'task.completed',
  '/api/tasks/reopen': 'task.reopened',
  '/api/tasks/delete': 'task.deleted',
  '/api/tasks/restore': 'task.restored',
}

function asked(path, form, { event_type, data }) {
  const title = event_type === 'task.updated' ? (data.changes.title?.new ?? form.title) : data.title
  return event_type === TYPES[path] && (!form.task_id || data.task_id === form.task_id) && (!form.title || title === form.title)
}

/** Who was answered before another asked comes first. */
function inRealTime(commands, say) {
  const done = commands.filter(({ outcome }) => outcome === 'done')
  const byEnd = [...done].sort((a, b) => a.end - b.end)
  let ended = 0
  let highest = 0
  for (const command of [...done].sort((a, b) => a.start - b.start)) {
    for (; ended < byEnd.length && byEnd[ended].end < command.start; ended++) highest = Math.max(highest, byEnd[ended].event.seq)
    if (command.event.seq < highest) say('reordered', `event ${command.event.seq} was asked for after event ${highest} was acknowledged`)
  }
}

/** A line for each event, once, newest first. */
function shown(feed, store, say) {
  numbered([...feed].reverse(), 'the feed', 'unseen', say, store.length)
  const events = new Map(store.map(event => [event.seq, event.event]))
  for (const line of feed) {
    const event = events.get(line.seq)
    if (!event) say('inconsistent', `the feed tells of event ${line.seq}, which there is not`)
    else if (line.event_type !== event.event_type || (event.data.title ?? line.title) !== line.title || (event.data.task_id ?? null) !== line.task_id) {
      say('inconsistent', `the feed's line ${line.seq} does not tell what happened`)
    }
  }
}

function watched(seen, store, window, say) {
  numbered(seen, window, 'unseen', say, store.length)
  const ids = new Map(store.map(event => [event.seq, event.event.event_id]))
  for (const { seq, event } of seen) {
    if (ids.get(seq) !== event.event_id) say('inconsistent', `${window} was told another event ${seq}`)
  }
}

/** The state is what the events say. */
function folded(tasks, store, say) {
  const expected = new Map()
  const change = (id, changes) => expected.has(id) && expected.set(id, { ...expected.get(id), ...changes })
  for (const { event } of [...store].sort((a, b) => a.seq - b.seq)) {
    const { task_id, title, description, changes, created_at: at, completed_at } = event.data
    if (event.event_type === 'task.created') expected.set(task_id, { task_id, title, description, completed_at: null, created_at: at })
    if (event.event_type === 'task.restored') expected.set(task_id, { task_id, title, description, completed_at: completed_at ?? null, created_at: at })
    if (event.event_type === 'task.completed') change(task_id, { completed_at })
    if (event.event_type === 'task.reopened') change(task_id, { completed_at: null })
    if (event.event_type === 'task.deleted') expected.delete(task_id)
    if (event.event_type === 'task.updated') {
      change(task_id, Object.fromEntries(Object.entries(changes).flatMap(([name, to]) => (to ? [[name, to.new]] : []))))
    }
  }
  for (const task of tasks) {
    const fields = expected.get(task.task_id)
    expected.delete(task.task_id)
    if (!fields) say('inconsistent', `task ${task.task_id} is there, and the events do not say so`)
    for (const [name, value] of Object.entries(fields ?? {})) {
      if ((task[name] ?? null) !== value) say('inconsistent', `task ${task.task_id} has another ${name} than its events say`)
    }
  }
  for (const task_id of expected.keys()) say('inconsistent', `task ${task_id} is missing, and the events say it is there`)
}

const same = (a, b) => a.seq === b.seq && a.event.event_id === b.event.event_id && JSON.stringify(a.event.data) === JSON.stringify(b.event.data)
