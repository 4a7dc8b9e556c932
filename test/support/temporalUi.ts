import type { Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import { eventually } from './eventually.ts'

/** Waits until the page of a run, which the UI shows in a frame of its own, says all this. */
export async function untilDetails(page: Page, ...words: readonly string[]): Promise<void> {
  await eventually(
    `the run's page says ${words.join(', ')}`,
    async () => {
      // It shows what was true when it was opened.
      await page.keyboard.press('r')
      const frames = page.frames().map((frame) => frame.locator('body').innerText({ timeout: 1_000 }))
      const texts = await Promise.allSettled(frames)
      return texts.map((text) => (text.status === 'fulfilled' ? text.value : '')).join('\n')
    },
    (text) => {
      for (const word of words) expect(text).toContain(word)
    },
  )
}

/** Waits until the UI says of a run that it has ended so. */
export async function untilEnded(page: Page, how: 'Terminated' | 'Canceled' | 'Completed'): Promise<void> {
  await page.getByText(how, { exact: true }).first().waitFor({ timeout: 60_000 })
}

/** Ends a run by Terminate of its menu, and waits until the UI says so. */
export async function terminate(page: Page): Promise<void> {
  const dialog = await chooseAction(page, 'Terminate')
  await dialog.getByRole('button', { name: 'Terminate' }).click()
  await untilEnded(page, 'Terminated')
}

/** Clicks Request Cancellation of a run, and waits until the UI says that it has ended so. */
export async function requestCancellation(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Request Cancellation' }).click()
  await page.locator('dialog[open]').getByRole('button', { name: 'Confirm' }).click()
  await untilEnded(page, 'Canceled')
}

/** Opens the dialog of an entry of a run's menu. */
async function chooseAction(page: Page, entry: string): Promise<Locator> {
  await page.getByRole('button', { name: 'More Actions' }).click({ force: true })
  await page.getByRole('menuitem', { name: entry }).click()
  return page.locator('dialog[open]')
}

/** Chooses the signal `retryBuild` in the UI's own dialog. Gives the button that sends it. */
export async function chooseRetryBuild(page: Page): Promise<Locator> {
  const dialog = await chooseAction(page, 'Send a Signal')
  await dialog.getByTestId('signal-select-button').click()
  await dialog.getByRole('option', { name: /retryBuild.*Restart what is held/s }).click()
  return dialog.getByRole('button', { name: 'Submit' })
}

/** Runs a query in the tab Queries and waits until its answer says all this. */
export async function untilAnswer(page: Page, query: string, ...words: readonly string[]): Promise<void> {
  await page.getByRole('tab', { name: 'Queries' }).click()
  await page.getByTestId('query-select-button').click()
  await page.getByRole('option', { name: query }).click()
  await page.getByRole('button', { name: 'Run Query' }).click()
  await eventually(
    `the query ${query} says ${words.join(', ')}`,
    () => page.locator('main').innerText(),
    (text) => {
      for (const word of words) expect(text).toContain(word)
    },
  )
}
