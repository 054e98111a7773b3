// A dozen tasks and a day's history: what pictures are taken and layouts are measured of.
import type { Person } from './person.mjs'

const TASKS = [
  ['Renew the passport', 'Photos are in the blue folder.\nThe office opens at eight.'],
  ['Buy groceries', 'Milk, eggs, bread'],
  ['Answer Grace about the compiler talk', ''],
  ['Water the ferns', 'Not the cactus'],
  ['Book the train to Lisbon', 'The night train, if it runs again'],
  ['Return the ladder to the neighbours', ''],
  ['Read chapter four of the Kafka book', 'Consumer groups, rebalancing'],
  ['Call the bank about the standing order', ''],
  ['Fix the rattling window', 'Felt strips, 4 mm'],
  ['Write the minutes', ''],
  ['Sharpen the kitchen knives', ''],
  ['Plan the birthday', 'Cake, candles, and the good playlist'],
]

/** Lives through the day; the number of the task to open. */
export async function aDay(person: Person): Promise<number> {
  const ids: number[] = []
  for (const [title, description] of TASKS) ids.push(await person.create(title, description))
  await person.edit(ids[1], 'Buy groceries and cook dinner', 'Milk, eggs, bread, chicken')
  await person.complete(ids[9])
  await person.complete(ids[10])
  await person.reopen(ids[10])
  await person.complete(ids[3])
  const draft = await person.create('Buy a second ladder')
  await person.delete(draft)
  return ids[1]
}
