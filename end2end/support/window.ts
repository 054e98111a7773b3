// A window of the application, by the names a person (or a screen reader) knows things by.
import { expect, type Locator, type Page, type Response } from '@playwright/test'

export class Window {
  constructor(readonly page: Page) {}

  /** The column of the feed. */
  get feed(): Locator {
    return this.page.locator('aside')
  }

  /** The word for how the connection is; also where the feed is folded away. */
  get connection(): Locator {
    return this.feed.getByText(/^(Connecting|Catching up|Live|Offline.*|Logged out)$/)
  }

  /** The field for a new task. */
  get newTask(): Locator {
    return this.page.getByLabel('New task')
  }

  goto(path: string): Promise<Response | null> {
    return this.page.goto(path)
  }

  /** Waits until the page has taken over and hears of every change. It comes back within 30 s. */
  async isLive(): Promise<void> {
    await expect(this.connection).toHaveText('Live', { timeout: 45_000 })
  }

  async add(title: string): Promise<void> {
    await this.newTask.fill(title)
    await this.newTask.press('Enter')
  }

  /** The row of a task that is in sight. */
  row(title: string): Locator {
    return this.page.getByRole('main').getByRole('listitem').filter({ has: this.check(title) })
  }

  /** Its check, also where the row is folded away: what is completed leaves sight after two seconds. */
  check(title: string): Locator {
    return this.page.getByRole('checkbox', { name: title, exact: true, includeHidden: true })
  }

  /** Opens a task's editor. */
  async openTask(title: string): Promise<void> {
    await this.row(title).getByRole('link', { name: title }).click()
    await expect(this.title).toBeVisible()
  }

  get title(): Locator {
    return this.page.getByLabel('Title')
  }

  get description(): Locator {
    return this.page.getByLabel('Description')
  }

  press(button: string): Promise<void> {
    return this.page.getByRole('button', { name: button, exact: true }).click()
  }

  /** Unfolds the tasks that are done. */
  async showDone(): Promise<void> {
    await this.page.locator('summary', { hasText: 'Done' }).click()
  }

  /** The lines of the feed that say this, such as "completed Buy milk"; also where it is folded away. */
  told(words: string | RegExp): Locator {
    return this.feed.locator('.feed > li').filter({ hasText: words })
  }

  /** Unfolds a line of the feed that tells of several changes. */
  async unfold(words: string | RegExp): Promise<void> {
    await this.told(words).locator('summary').click()
  }

  /** Everything it says of tasks and feed, for comparing windows. */
  async says(): Promise<{ tasks: string[]; feed: string[] }> {
    const checks = this.page.getByRole('main').locator('[role=checkbox]')
    return {
      tasks: await checks.evaluateAll(all => all.map(c => `${c.getAttribute('aria-label')}: ${c.ariaChecked}`)),
      feed: (await this.feed.locator('.feed > li > .said').allTextContents()).map(words => words.replace(/\s+/g, '')),
    }
  }
}
