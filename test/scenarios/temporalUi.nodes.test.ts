import { expect } from 'vitest'
import { useBrowser } from '../support/browser.ts'
import { stories } from '../support/stories.ts'
import { chooseRetryBuild, untilDetails } from '../support/temporalUi.ts'
import { useLab } from '../support/testLab.ts'
import { fetching } from '../support/tinyModule.ts'

/** What a person sees and does in the real Temporal UI, with a real browser. */
const lab = useLab()
const browser = useBrowser()
const test = stories(lab)
const name = 'tiny'

const workflows = () => `${lab.state.temporal.ui}/namespaces/${lab.state.temporal.namespace}/workflows`

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
  const submit = await chooseRetryBuild(page)
  await browser.keep(page, 'retry-signal')
  await submit.click()
  await story.untilLoaded(name)
  expect(await story.kernelStatus(name)).toMatchObject({ attempt: 2, workflowId, runId })
  expect(story.pods.builds()).toHaveLength(2)

  await page.reload({ waitUntil: 'domcontentloaded' })
  await page.getByText('Completed', { exact: true }).first().waitFor({ timeout: 60_000 })
  await untilDetails(page, 'Phase: Loaded', 'Digest: sha256:', '1 of 1 loaded')
  await browser.keep(page, 'finished-run')
})
