// Finding tasks again, by typing and by plain forms.
import { expect, test, type Person, type Window } from '../support/test'

/** Waits until what was just written can be found. */
async function settled(person: Person, q: string, total: number): Promise<void> {
  await expect.poll(async () => (await person.search(q)).total).toBe(total)
}

const field = ({ page }: Window) => page.getByRole('searchbox', { name: 'Search your tasks' })
const count = ({ page }: Window) => page.getByRole('main').getByRole('status')

test('results come while one types, with the focus where it was', async ({ open, person }) => {
  await person.create('Buy groceries', 'Milk, eggs, crème fraîche')
  await person.create('Grow basil')
  await settled(person, 'gro', 2)
  const window = await open(person)
  const { page } = window
  await page.keyboard.press('/')
  await expect(page).toHaveURL('/search')
  await expect(field(window)).toBeFocused()
  await page.keyboard.type('gro')
  await expect(count(window)).toHaveText('2 tasks')
  await expect(page).toHaveURL('/search?q=gro')
  await expect(field(window)).toBeFocused()
  await expect(page.locator('mark')).toHaveText(['Grow', 'groceries'])
  await page.keyboard.type('cereis')
  await expect(count(window)).toHaveText('1 task')
  await expect(page.locator('mark')).toHaveText(['groceries'])
  await field(window).fill('creme')
  await expect(page.locator('mark')).toHaveText(['crème'])
  await field(window).fill('creme list:shop')
  await expect(page.getByText('No task is in the list shop: none says #shop.')).toBeVisible()
  await field(window).fill('nowhere')
  await expect(count(window)).toHaveText('Nothing found')
  await expect(page).toHaveTitle('nowhere · Search · Todo Evolution')
  await page.getByRole('link', { name: 'Start over' }).click()
  await expect(page).toHaveURL('/search')
  await expect(field(window)).toHaveValue('')

  await field(window).fill('basil')
  await page.getByRole('link', { name: 'Grow basil' }).click()
  await expect(window.title).toHaveValue('Grow basil')
})

test('what is typed before the script has come is searched for when it comes', async ({ open, person }) => {
  await person.create('Grow basil')
  await settled(person, 'basil', 1)
  const window = await open(person, { live: false })
  let arrive = () => {}
  const late = new Promise<void>(resolve => (arrive = resolve))
  await window.page.route('**/search.js', async route => {
    await late
    await route.continue()
  })
  await window.page.goto('/search', { waitUntil: 'commit' })
  await field(window).fill('basil')
  arrive()
  await expect(count(window)).toHaveText('1 task')
})

test('what is too long is refused beside the field, and the server away is said', async ({ open, person, expected }) => {
  expected.push(/status of 422/, /ERR_FAILED/)
  const window = await open(person, { path: '/search', live: false })
  await field(window).fill('x'.repeat(201))
  await expect(field(window)).toHaveAttribute('aria-invalid', 'true')
  await expect(field(window)).toHaveAccessibleDescription(/at most 200 fit/)
  await field(window).fill('x')
  await expect(field(window)).not.toHaveAttribute('aria-invalid')
  await window.page.route('**/search?*', route => route.abort())
  await field(window).fill('xy')
  await expect(count(window)).toContainText('cannot be reached')
  await window.page.unroute('**/search?*')
  await field(window).press('Enter')
  await expect(count(window)).toHaveText('Nothing found')
})

test('a task is completed from its result', async ({ open, person }) => {
  await person.create('Water the ferns')
  await settled(person, 'ferns', 1)
  const window = await open(person, { path: '/search?q=ferns', live: false })
  await window.check('Water the ferns').click()
  await expect(window.page).toHaveURL('/search?q=ferns')
  await expect(window.check('Water the ferns')).toBeChecked()
})

test('without JavaScript a form finds the same', async ({ open, person, expected }) => {
  expected.push(/preloaded using link preload but not used/)
  await person.create('Renew the passport')
  await settled(person, 'passport', 1)
  const window = await open(person, { javaScriptEnabled: false })
  await window.page.getByRole('navigation').getByRole('link', { name: 'Search' }).click()
  await field(window).fill('pass')
  await window.press('Search')
  await expect(window.page).toHaveURL('/search?q=pass')
  await expect(count(window)).toHaveText('1 task')
  await expect(window.page.locator('mark')).toHaveText(['passport'])
  await expect(field(window)).toHaveValue('pass')
})
