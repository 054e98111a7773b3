// What an application must have been given, compared with what it was given: see harness/dapr.mjs.
// Pure: no server, so its own tests can show that it finds what it is for (contract.test.mjs).

/** What each event carries, as the contract writes it; `task.reopened` is made in the same manner. */
const DATA = {
  'task.created': ['task_id', 'user_id', 'title', 'description', 'completed', 'created_at'],
  'task.updated': ['task_id', 'user_id', 'changes', 'updated_at'],
  'task.completed': ['task_id', 'user_id', 'title', 'completed_at', 'duration_minutes'],
  'task.reopened': ['task_id', 'user_id', 'title', 'reopened_at'],
  'task.deleted': ['task_id', 'user_id', 'title', 'deleted_at', 'reason'],
  'user.registered': ['user_id', 'email', 'name', 'registered_at', 'source'],
}
const ENVELOPE = ['event_id', 'event_type', 'timestamp', 'version', 'data']

export const TOPICS = Object.keys(DATA)

/** What of `notes` was given more than once. */
export function repeats(notes) {
  const seen = new Set()
  return notes.map(idOf).filter(id => seen.size === seen.add(id).size)
}

/**
 * A line for each thing that is wrong.
 * @param {object[]} store  every event there is, with its `seq` and what travels beside it
 * @param {object[]} notes  what came, in the order of its coming: path, headers, body
 */
export function differences(store, notes) {
  const found = []
  const events = new Map(store.map(message => [message.event.event_id, message]))
  const came = new Set(notes.map(idOf))
  for (const message of store) {
    if (!came.has(message.event.event_id)) found.push(`lost: ${name(message)}`)
  }
  for (const note of notes) {
    const message = events.get(idOf(note))
    if (message) found.push(...wrong(message, note).map(what => `${name(message)}: ${what}`))
    else found.push(`made up: ${note.path} ${note.body}`)
  }
  return [...found, ...disorder(events, notes)]
}

/** In what a note is not the event it says it is. */
function wrong({ seq, actor_id, command_id, traceparent, event }, { path, headers, body }) {
  const found = []
  const same = (what, actual, expected) => actual !== expected && found.push(`${what} is ${actual}, not ${expected}`)
  same('the path', path, `/${event.event_type}`)
  same('the body', body, JSON.stringify(event))
  same('its shape', Object.keys(event).join(), ENVELOPE.join())
  same("its data's shape", Object.keys(event.data).join(), DATA[event.event_type]?.join())
  same('the version', event.version, '1.0')
  const expected = {
    seq: `${seq}`,
    traceparent,
    __key: event.data.user_id,
    __topic: event.event_type,
    ce_specversion: '1.0',
    ce_id: event.event_id,
    ce_source: '/todo-evolution',
    ce_type: event.event_type,
    ce_time: event.timestamp,
    ce_subject: `${event.data.task_id ?? event.data.user_id}`,
    ce_partitionkey: event.data.user_id,
    ce_sequence: `${seq}`,
    ce_actorid: actor_id,
    ce_commandid: command_id,
  }
  for (const [header, value] of Object.entries(expected)) same(`header ${header}`, headers[header], value)
  return found
}

/** Within a topic, a person's events come for the first time in the order of `seq`. */
function disorder(events, notes) {
  const found = []
  const seen = new Set()
  const last = new Map()
  for (const note of notes) {
    const message = events.get(idOf(note))
    if (!message || seen.has(idOf(note))) continue
    seen.add(idOf(note))
    const lane = `${note.path} ${message.event.data.user_id}`
    if (message.seq <= (last.get(lane) ?? 0)) found.push(`${name(message)}: it came after number ${last.get(lane)}`)
    last.set(lane, message.seq)
  }
  return found
}

/** The id by which a note calls itself. */
function idOf({ body }) {
  try {
    return JSON.parse(body).event_id
  } catch {
    return undefined
  }
}

const name = ({ seq, event }) => `${event.event_type} ${event.event_id}, number ${seq} of ${event.data.user_id}`
