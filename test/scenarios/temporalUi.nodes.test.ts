import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { useBrowser } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { stories } from '../support/stories.ts'
import { useLab } from '../support/testLab.ts'
import { fetching } from '../support/tinyModule.ts'

/** What a person sees and does in the real Temporal UI, with a real browser. */
const lab = useLab()
const browser = useBrowser()
const test = stories(lab)
const name = 'tiny'

const workflows = () => `${lab.state.temporal.ui}/namespaces/${lab.state.temporal.namespace}/workflows`

/** Waits until the page of a run, which the UI shows in a frame of its own, says all this. */
async function untilDetails(page: Page, ...words: readonly string[]): Promise<void> {
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

test('a held build is found, understood and restarted in the Temporal UI', async ({ open, gate }) => {
  const story = await open('ui')
  const { namespace } = story
  await story.addNode()
  await story.applyTiny(name, [fetching(gate.pass)])
  const held = await story.untilKernel(name, 'BuildFailed', ({ phase }) => phase === 'BuildFailed')
  const { workflowId = '', runId = '', buildPod = '' } = held

  const query = `\`KmmHeld\`=true AND \`KmmNamespace\`="${namespace}"`
  const list = await browser.open(`${workflows()}?query=${encodeURIComponent(query)}`)
  const link = list.getByRole('link', { name: workflowId }).first()
  await link.waitFor()
  await browser.keep(list, 'held-runs')
  await link.click()
  await list.waitForURL(/\/history/)
  await list.close()

  const page = await browser.open(`${workflows()}/${encodeURIComponent(workflowId)}/${runId}/user-metadata`)
  await untilDetails(
    page,
    `Module ${namespace}/${name}, kernel`,
    'Phase: BuildFailed',
    'Waits: BuildCommandFailed',
    'What unblocks it',
    `kubectl -n ${namespace} delete pod ${buildPod}`,
    'What the build said',
    'server returned error',
  )
  await browser.keep(page, 'held-run')

  gate.open()
  await page.getByRole('button', { name: 'More Actions' }).click({ force: true })
  await page.getByRole('menuitem', { name: 'Send a Signal' }).click()
  const dialog = page.locator('dialog[open]')
  await dialog.getByTestId('signal-select-button').click()
  await dialog.getByRole('option', { name: /retryBuild.*Restart what is held/s }).click()
  await browser.keep(page, 'retry-signal')
  await dialog.getByRole('button', { name: 'Submit' }).click()
  await story.untilLoaded(name)
  expect(await story.kernelStatus(name)).toMatchObject({ attempt: 2, workflowId, runId })
  expect(story.pods.builds()).toHaveLength(2)

  await page.reload({ waitUntil: 'domcontentloaded' })
  await page.getByText('Completed', { exact: true }).first().waitFor({ timeout: 60_000 })
  await untilDetails(page, 'Phase: Loaded', 'Digest: sha256:', '1 of 1 loaded')
  await browser.keep(page, 'finished-run')
})
