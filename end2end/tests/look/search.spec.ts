// How searching looks, for people in screenshots/ and for axe-core.
import { AxeBuilder } from '@axe-core/playwright'
import { aDay } from '../../support/day'
import { expect, test } from '../../support/test'

const FOLDER = `${import.meta.dirname}/../../screenshots`

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1280, 390]) {
    test(`searching, ${colorScheme}, ${width} px`, async ({ open, person, expected }) => {
      test.slow() // axe-core takes seconds for each page
      expected.push(/status of 422/)
      await aDay(person)
      await expect.poll(async () => (await person.search('th')).total).toBe(11)
      const options = { colorScheme, viewport: { width, height: width === 390 ? 844 : 800 }, hasTouch: width === 390 }
      const { page } = await open(person, { ...options, path: '/search', live: false })
      for (const [name, path] of [
        ['empty', '/search'],
        ['found', '/search?q=th'],
        ['notes', '/search?q=kafak+groups'],
        ['nothing', '/search?q=list%3Ahome+unicorn'],
        ['refused', `/search?q=${'x'.repeat(201)}`],
      ]) {
        await page.goto(path)
        await page.evaluate(() => document.fonts.ready)
        await page.screenshot({ path: `${FOLDER}/search-${name}-${colorScheme}-${width}.png`, animations: 'disabled' })
        const { violations } = await new AxeBuilder({ page }).analyze()
        const found = violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(node => `${node.html}\n${node.failureSummary}`) }))
        expect.soft(found, path).toEqual([])
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        expect.soft(wide, `${path} scrolls sideways`).toBeLessThanOrEqual(0)
      }
    })
  }
}

test('on a small screen the list leads to the search', async ({ open, person }) => {
  const window = await open(person, { viewport: { width: 390, height: 844 }, hasTouch: true })
  await window.page.getByRole('main').getByRole('link', { name: 'Search' }).tap()
  await expect(window.page).toHaveURL('/search')
})
