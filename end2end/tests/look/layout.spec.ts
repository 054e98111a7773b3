// Nothing scrolls sideways, nothing jumps, and the colours are the chosen ones.
import { aDay } from '../../support/day'
import { expect, test, type Window } from '../../support/test'

test('nothing scrolls sideways, from 320 px on', async ({ open, person }) => {
  const task = await aDay(person)
  await person.create('an-unbroken-title-'.repeat(20), 'https://example.com/'.repeat(40))
  await person.delete(await person.create('an-unbroken-title-'.repeat(20)))
  await person.edit(task, 'and-an-unbroken-change-'.repeat(10))
  const guest = await open(null, { path: '/register' })
  const window = await open(person)
  for (const width of [320, 390, 800, 1280, 1920]) {
    for (const path of ['/register', '/login']) await fits(guest, path, width)
    for (const path of ['/', '/feed', `/tasks/${task}`, '/you', '/events', '/search?q=the', '/stats', '/stats/settings', '/notifications', '/trash']) await fits(window, path, width)
  }
})

async function fits({ page }: Window, path: string, width: number) {
  await page.setViewportSize({ width, height: 800 })
  await page.goto(path)
  const sticksOut = await page.evaluate(() => {
    const root = document.documentElement
    for (const folded of document.querySelectorAll('details')) folded.open = true
    // Not only what scrolls: where the page clips what sticks out, it would be lost.
    const wide = [...document.querySelectorAll('body *')].filter(element => {
      const { left, right, width } = element.getBoundingClientRect()
      return width > 1 && (right > root.clientWidth + 1 || left < -1)
    })
    const scrolls = root.scrollWidth > root.clientWidth ? ['the page'] : []
    return [...scrolls, ...wide.map(element => element.outerHTML.slice(0, 100))]
  })
  expect.soft(sticksOut, `${path} at ${width} px`).toEqual([])
}

test('on a small screen one part is in front, and the bar leads to each', async ({ open, person }) => {
  const window = await open(person, { viewport: { width: 390, height: 844 }, hasTouch: true })
  const { page } = window
  const bar = (name: string) => page.getByRole('navigation', { name: 'Main, at the foot' }).getByRole('link', { name })
  await bar('Add').tap()
  await expect(window.newTask).toBeFocused()
  await page.keyboard.type('Buy milk')
  await page.keyboard.press('Enter')
  await expect(window.row('Buy milk')).toHaveCount(1)

  // The sheet stays for the next one, until one turns elsewhere.
  await expect(window.newTask).toBeFocused()
  await page.getByRole('heading', { level: 1 }).tap()
  await bar('Feed').tap()
  await expect(page).toHaveURL('/feed')
  await expect(window.told('added Buy milk')).toBeVisible()
  await expect(window.row('Buy milk')).toHaveCount(0)
  await page.goBack()
  await expect(window.row('Buy milk')).toBeVisible()
  await expect(window.told('added Buy milk')).toBeHidden()

  await bar('You').tap()
  await expect(page.getByRole('heading', { level: 1, name: 'You' })).toBeVisible()
})

test('between small and wide the feed is a panel that opens beside the tasks', async ({ open, person }) => {
  await person.create('Buy milk')
  const window = await open(person, { viewport: { width: 900, height: 800 } })
  const feed = window.page.getByRole('link', { name: 'Feed', exact: true })
  await expect(window.told('added Buy milk')).toBeHidden()
  await feed.click()
  await expect(window.told('added Buy milk')).toBeVisible()
  await expect(window.row('Buy milk')).toBeVisible()
  await feed.click()
  await expect(window.told('added Buy milk')).toBeHidden()
})

test('nothing jumps while the page loads and wakes', async ({ open, person }) => {
  const task = await aDay(person)
  for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
    const window = await open(person, { viewport })
    for (const path of ['/', '/feed', `/tasks/${task}`]) {
      await window.goto(path)
      await window.isLive()
      expect.soft(await shift(window), `${path} at ${viewport.width} px`).toBeLessThan(0.1)
    }
    await window.goto('/you')
    expect.soft(await shift(window), `/you at ${viewport.width} px`).toBeLessThan(0.1)
  }
})

/** The layout shift so far (CLS): what moved without the person having asked for it. */
function shift({ page }: Window): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>(resolve => {
        let sum = 0
        const observer = new PerformanceObserver(list => {
          for (const entry of list.getEntries() as any[]) if (!entry.hadRecentInput) sum += entry.value
        })
        observer.observe({ type: 'layout-shift', buffered: true })
        // Two frames: what is being painted counts too.
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(sum))))
      }),
  )
}

test('the colours follow the system until a person chooses', async ({ open, person }) => {
  const window = await open(person, { path: '/you', colorScheme: 'dark', live: false })
  // Asked again until it fits: what a choice leads to is there before its stylesheet is.
  const brightness = () => expect.poll(() => window.page.evaluate(paper))
  const choice = (name: string) => window.page.getByRole('button', { name, exact: true })
  await expect(choice('As the system')).toHaveAttribute('aria-pressed', 'true')
  await brightness().toBeLessThan(60)

  await choice('Light').click()
  await expect(choice('Light')).toHaveAttribute('aria-pressed', 'true')
  await brightness().toBeGreaterThan(200)
  await window.goto('/')
  await brightness().toBeGreaterThan(200)

  await window.goto('/you')
  await choice('As the system').click()
  await expect(choice('As the system')).toHaveAttribute('aria-pressed', 'true')
  await window.page.emulateMedia({ colorScheme: 'light' })
  await brightness().toBeGreaterThan(200)
})

/** How bright the page's background is, from 0 to 255; nothing before it has any. */
function paper(): number | undefined {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d')!
  canvas.fillStyle = getComputedStyle(document.documentElement).backgroundColor
  canvas.fillRect(0, 0, 1, 1)
  const [red, , , alpha] = canvas.getImageData(0, 0, 1, 1).data
  return alpha === 255 ? red : undefined
}
