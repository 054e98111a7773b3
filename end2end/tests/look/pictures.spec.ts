// Pictures for people to look at, in screenshots/. They are compared with nothing.
import { aDay } from '../../support/day'
import { expect, test, type Window } from '../../support/test'

const FOLDER = `${import.meta.dirname}/../../screenshots`

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1280, 390]) {
    test(`pictures, ${colorScheme}, ${width} px`, async ({ open, person }) => {
      const options = { colorScheme, viewport: { width, height: width === 390 ? 844 : 800 }, hasTouch: width === 390 }
      const take = async ({ page }: Window, name: string) => {
        await page.evaluate(() => document.fonts.ready)
        await page.screenshot({ path: `${FOLDER}/${name}-${colorScheme}-${width}.png`, animations: 'disabled' })
      }

      await take(await open(null, { path: '/register', ...options }), 'register')
      const window = await open(person, options)
      await take(window, 'empty')
      const task = await aDay(person)
      await window.page.reload()
      await window.isLive()
      await expect(window.told('added and deleted')).toHaveCount(1)
      await take(window, 'home')
      await window.goto(`/tasks/${task}`)
      await window.isLive()
      await take(window, 'task')
      await window.goto('/feed')
      await window.isLive()
      await take(window, 'feed')
      await window.goto('/feed?by=you')
      await window.isLive()
      await window.unfold('added and deleted')
      await take(window, 'feed-filtered')
      await window.goto('/you')
      await take(window, 'you')
      await window.goto('/events')
      await window.page.locator('summary').first().click()
      await take(window, 'events')
      await window.goto('/stats')
      await expect(window.page.getByText('2 of 3')).toBeVisible()
      await take(window, 'stats')
      await window.goto('/stats/settings')
      await take(window, 'goals')
      await window.goto('/notifications')
      await take(window, 'notifications')
      await window.goto('/trash')
      await take(window, 'trash')
    })
  }
}
