// The pages of external sync: accessible, in place at every width, and pictures of them.
import { AxeBuilder } from '@axe-core/playwright'
import { Receiver } from '../../support/receiver.mjs'
import { expect, testOfItsOwn as test } from '../../support/test'

const FOLDER = `${import.meta.dirname}/../../screenshots`

test.use({ settings: { TODO_ALLOW_PRIVATE_TARGETS: 'true', TODO_DELIVERY_RETRY: '1,100ms,100ms' } })

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the pages of external sync are accessible and in place, ${colorScheme}`, async ({ open, person }) => {
    test.slow() // axe-core takes seconds for each page
    const receiver = await Receiver.start()
    try {
      const { page } = await open(person, { path: '/webhooks/new/webhook', live: false, colorScheme })
      await page.getByLabel('Address').fill(`${receiver.url}/${'an-unbroken-path-'.repeat(20)}`)
      await page.getByLabel('What you call it').fill('an-unbroken-name-'.repeat(10))
      await page.getByRole('button', { name: 'Add', exact: true }).click()
      const secret = page.getByRole('status')
      await expect(secret).toBeVisible()
      const one = new URL(page.url()).pathname
      const take = (name: string) =>
        page.screenshot({ path: `${FOLDER}/${name}-${colorScheme}-${page.viewportSize()!.width}.png`, fullPage: true, animations: 'disabled' })
      await take('webhooks-secret')
      await check(page, 'the page with the secret')
      await person.create('an-unbroken-title-'.repeat(20))
      await expect.poll(() => receiver.calls.length).toBe(1)
      receiver.status = 410
      await person.create('Buy milk')
      await expect(async () => {
        await page.goto(one)
        await expect(page.getByText(/^Switched off since/)).toBeVisible({ timeout: 500 })
      }).toPass()
      await page.goto('/webhooks/new/slack')
      await page.getByLabel('Address').fill(`${receiver.url}/services/T0/B0/x`)
      await page.getByRole('button', { name: 'Add', exact: true }).click()
      for (const width of [320, 390, 800, 1280]) {
        await page.setViewportSize({ width, height: 900 })
        for (const [name, path] of [
          ['webhooks', '/webhooks'],
          ['webhooks-new', '/webhooks/new/webhook'],
          ['webhooks-slack', '/webhooks/new/slack'],
          ['webhooks-jira', '/webhooks/new/jira'],
          ['webhooks-one', one],
        ]) {
          await page.goto(path)
          const sticksOut = await page.evaluate(() => {
            const { clientWidth, scrollWidth } = document.documentElement
            for (const folded of document.querySelectorAll('details')) folded.open = true
            const wide = [...document.querySelectorAll('body *')].filter(element => {
              const { left, right, width } = element.getBoundingClientRect()
              return width > 1 && (right > clientWidth + 1 || left < -1)
            })
            return [...(scrollWidth > clientWidth ? ['the page'] : []), ...wide.map(element => element.outerHTML.slice(0, 100))]
          })
          expect.soft(sticksOut, `${path} at ${width} px`).toEqual([])
          if (width !== 390 && width !== 1280) continue
          await check(page, `${path} at ${width} px`)
          await take(name)
        }
      }
    } finally {
      receiver.stop()
    }
  })
}

async function check(page: import('@playwright/test').Page, what: string) {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  const found = serious.map(({ id, nodes }) => ({ id, nodes: nodes.map(node => `${node.html}\n${node.failureSummary}`) }))
  expect.soft(found, what).toEqual([])
}
