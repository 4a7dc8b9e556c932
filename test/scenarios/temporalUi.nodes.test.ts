import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { useBrowser } from '../support/browser.ts'
import { plugin } from '../support/plugin.ts'
import type { Scenario } from '../support/scenario.ts'
import { stories } from '../support/stories.ts'
import {
  chooseRetryBuild,
  requestCancellation,
  terminate,
  untilDetails,
  untilEnded,
} from '../support/temporalUi.ts'
import { useLab } from '../support/testLab.ts'
import { fetching } from '../support/tinyModule.ts'

/** What a person sees and does in the real Temporal UI, with a real browser. */
const lab = useLab()
const browser = useBrowser()
const test = stories(lab)
const name = 'tiny'

const workflows = () => `${lab.state.temporal.ui}/namespaces/${lab.state.temporal.namespace}/workflows`

/** Opens a run's page through the address that `kubectl kmod open` prints. */
async function openRun({ namespace }: Scenario): Promise<Page> {
  const { kubernetes, temporal } = lab.state
  const opened = await plugin(['open', name, '-n', namespace, '--ui', temporal.ui ?? ''], {
    KUBECONFIG: kubernetes.kubeconfig,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  })
  expect(opened).toMatchObject({ code: 0 })
  const page = await browser.open(opened.stdout.trim())
  await page.getByRole('tab', { name: 'User Metadata' }).click()
  return page
}

test('a held build is found, understood, and steered in the Temporal UI: Terminate, signal, Request Cancellation', async ({
  open,
  gate,
  openGate,
}) => {
  const story = await open('ui')
  const { namespace } = story
  const last = await openGate()
  await story.addNode()
  await story.applyTiny(name, [fetching(gate.pass), fetching(last.wait)])
  const held = await story.untilKernel(name, 'BuildFailed', ({ phase }) => phase === 'BuildFailed')
  const { workflowId = '', buildPod = '' } = held

  const query = `\`KmmHeld\`=true AND \`ExecutionStatus\`="Running" AND \`KmmNamespace\`="${namespace}"`
  const list = await browser.open(`${workflows()}?query=${encodeURIComponent(query)}`)
  const link = list.getByRole('link', { name: workflowId }).first()
  await link.waitFor()
  await browser.keep(list, 'held-runs')
  await link.click()
  await list.waitForURL(/\/history/)
  await terminate(list)
  await list.close()

  const again = await story.untilKernel(name, 'goes on in another run', ({ runId }) => runId !== held.runId)
  expect(again).toEqual({ ...held, runId: again.runId })
  const page = await openRun(story)
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
  expect(story.pods.builds()).toMatchObject([{ name: buildPod, gone: false }])
  await browser.keep(page, 'held-run')

  gate.open()
  const submit = await chooseRetryBuild(page)
  await browser.keep(page, 'retry-signal')
  await submit.click()
  await last.untilKnocked()
  const builds = await story.untilKernel(name, 'builds', ({ phase }) => phase === 'Building')
  expect(builds).toMatchObject({ attempt: 2, workflowId, runId: again.runId })
  await untilDetails(page, 'Phase: Building', `the end of build pod ${namespace}/${builds.buildPod}`)

  await requestCancellation(page)
  await untilDetails(page, 'Phase: Cancelled', 'Changed inputs or a retry start it again.', 'retry-build=')
  expect(await story.kernelStatus(name)).toMatchObject({ phase: 'Cancelled', runId: again.runId })
  expect(story.pods.builds().map(({ gone }) => gone)).toEqual([true, true])
  await page.close()

  last.open()
  await story.retry(name, 'all')
  await story.untilLoaded(name)
  expect(story.pods.builds()).toHaveLength(3)
  const finished = await openRun(story)
  await untilEnded(finished, 'Completed')
  await untilDetails(finished, 'Phase: Loaded', 'Digest: sha256:', '1 of 1 loaded')
  await browser.keep(finished, 'finished-run')
})
