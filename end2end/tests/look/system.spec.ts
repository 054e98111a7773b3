// The pages of administrators: accessible, in place at every width, and pictures of them.
import { AxeBuilder } from '@axe-core/playwright'
import { bury, park } from '../../support/letters.mjs'
import { expect, testOfItsOwn as test } from '../../support/test'

const FOLDER = `${import.meta.dirname}/../../screenshots`
const PATHS = ['/system', '/system/figures', '/system/dead-letters/1', '/audit']

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the pages of administrators are accessible and in place, ${colorScheme}`, async ({ todo, open, person, expected }) => {
    test.slow() // axe-core takes seconds for each page
    expected.push(/status of 422/)
    await todo.run('admin', 'grant', person.email)
    await bury(todo, [
      { error: `an-unbroken-error-${'x'.repeat(300)}`, value: JSON.stringify({ long: 'y'.repeat(2000) }) },
      { topic: 'task.deleted', consumer: 'stats', error: 'the table is locked' },
    ])
    await park(todo, { user_id: `user-${'a'.repeat(32)}`, error: 'the table is locked' })
    await person.create('Buy milk')
    const { page } = await open(person, { path: '/system', live: false, colorScheme })
    await expect(page.getByRole('img', { name: /^activity, latency: \d/ })).toHaveCount(1)
    for (const width of [320, 390, 800, 1280]) {
      await page.setViewportSize({ width, height: 900 })
      for (const path of PATHS) {
        await page.goto(path)
        const sticksOut = await page.evaluate(() => {
          const { clientWidth, scrollWidth } = document.documentElement
          const wide = [...document.querySelectorAll('body *')].filter(element => {
            const { left, right, width } = element.getBoundingClientRect()
            return width > 1 && (right > clientWidth + 1 || left < -1)
          })
          return [...(scrollWidth > clientWidth ? ['the page'] : []), ...wide.map(element => element.outerHTML.slice(0, 100))]
        })
        expect.soft(sticksOut, `${path} at ${width} px`).toEqual([])
        if (width !== 390 && width !== 1280) continue
        const { violations } = await new AxeBuilder({ page }).analyze()
        const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
        const found = serious.map(({ id, nodes }) => ({ id, nodes: nodes.map(node => `${node.html}\n${node.failureSummary}`) }))
        expect.soft(found, `${path} at ${width} px`).toEqual([])
        const name = path.slice(1).replaceAll('/', '-')
        await page.screenshot({ path: `${FOLDER}/${name}-${colorScheme}-${width}.png`, fullPage: true, animations: 'disabled' })
      }
    }
    await page.goto('/system')
    await page.getByRole('button', { name: 'Retry' }).click()
    await expect(page.getByRole('alert')).toBeFocused()
    const { violations } = await new AxeBuilder({ page }).analyze()
    expect(violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id }) => id)).toEqual([])
  })
}
