// Dead letters and who waits, as consumers leave them behind; made by hand, for no event of ours ever fails.

/** @typedef {{ topic?: string, consumer?: string, user_id?: string, seq?: number, error?: string, value?: string,
 *   traceparent?: string }} Letter */

/** Leaves dead letters behind, numbered from 1 in a new database.
 * @param {import('./server.mjs').Todo} todo  @param {Letter[]} letters */
export async function bury(todo, letters) {
  const rows = letters.map((letter, at) => {
    const { topic = 'task.created', consumer = 'search', user_id = 'user-1', seq = at + 1, error = 'disk full', value = '{}' } = letter
    const now = Date.now() * 1000
    const values = [`${consumer}/${user_id}/${seq}`, topic, '[]', consumer, user_id, seq, error, 6, now, now, letter.traceparent ?? null]
    return `(${values.map(literal).join(', ')}, ${bytes(todo, value)})`
  })
  await todo.sql(
    'insert into dead_letters (origin, topic, headers, consumer, user_id, seq, error, attempts, first_at, last_at, traceparent, value) ' +
      `values ${rows.join(', ')}`,
  )
}

/** Has a person wait for a consumer, until an upgrade.
 * @param {import('./server.mjs').Todo} todo  @param {{ user_id: string, error: string }} parked */
export async function park(todo, { user_id, error }) {
  await todo.sql(
    'insert into parked (consumer, user_id, seq, attempts, first_at, last_at, next_at, error) ' +
      `values ('search', ${literal(user_id)}, 7, 3, 0, 0, null, ${literal(error)})`,
  )
}

const literal = value => (value === null ? 'null' : typeof value === 'number' ? `${value}` : `'${value.replaceAll("'", "''")}'`)

const bytes = (todo, text) => {
  const hex = Buffer.from(text).toString('hex')
  return todo.transport === 'kafka' ? `'\\x${hex}'` : `x'${hex}'`
}
