// The audit log: who came and went, narrowed by plain forms, verified, downloaded.
import { readFile } from 'node:fs/promises'
import { expect, Person, testOfItsOwn as test } from '../support/test'

for (const javaScriptEnabled of [true, false]) {
  test(`an administrator looks into the log, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async ({ todo, open, person }) => {
    const eve = await Person.register(todo.url)
    await eve.create('Not for the log')
    await person.create('Buy milk')
    await todo.run('admin', 'grant', person.email)
    const { page } = await open(person, { path: '/you', live: false, javaScriptEnabled })
    await page.getByRole('link', { name: 'Audit log' }).click()
    const row = page.locator('.audit .letter')
    await expect(async () => {
      await page.reload()
      await expect(row).toHaveCount(6, { timeout: 500 })
    }).toPass()
    await expect(page.getByText('Not for the log')).toHaveCount(0)

    await page.getByLabel('Kind').selectOption('user.role_changed')
    await page.getByRole('button', { name: 'Show', exact: true }).click()
    await expect(row).toHaveCount(1)
    await expect(row).toContainText('operator')
    await expect(row).toContainText('member to admin')
    await page.getByLabel('Kind').selectOption('')
    await page.getByLabel('Person').fill(eve.email)
    await page.getByRole('button', { name: 'Show', exact: true }).click()
    await expect(row).toHaveCount(2)
    await expect(page.getByLabel('Person')).toHaveValue(eve.email)

    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download' }).click()
    const lines = (await readFile(await (await download).path(), 'utf8')).trim().split('\n').map(line => JSON.parse(line))
    expect(lines.map(({ event_type }) => event_type)).toEqual(['user.registered', 'task.created'])

    await expect(page.getByText('Nobody has verified it here yet.')).toBeVisible()
    await page.getByRole('button', { name: 'Verify now' }).click()
    await expect(page.getByText(/all 6 rows are as they were written/)).toBeVisible()
    await todo.sql("update events set actor_id = 'x' where event_type = 'user.role_changed'")
    await page.getByRole('button', { name: 'Verify now' }).click()
    await expect(page.getByRole('alert')).toContainText('differ in actor_id, event_hash.')
  })
}
