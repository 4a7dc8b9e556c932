import { once } from 'node:events'
import { expect, vi } from 'vitest'
import { nodeModulesConfigs, nodes } from '../activities/kube/resources.ts'
import { labels, readyLabel } from '../api/names.ts'
import { eventually } from './support/eventually.ts'
import { ended, playNode } from './support/playedNode.ts'
import { plugin, startPlugin } from './support/plugin.ts'
import { pushTestImage } from './support/pushTestImage.ts'
import { listRuns } from './support/runs.ts'
import { kernel, type Scenario } from './support/scenario.ts'
import { useSimulatedLab } from './support/simulatedLab.ts'
import { stories, useOperator } from './support/stories.ts'
import { tinyModule } from './support/tinyModule.ts'

/** `uninstall` beside the real operator, as a process without a Deployment; the kubelet is played by the test. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const lab = useSimulatedLab()
const operator = useOperator(lab)
const test = stories(lab, operator)
const loaded = 'tiny'
const held = 'held'

const line = (way: string) => ['uninstall', way, '--yes', '--keep-definitions']
const environment = () => {
  const { kubernetes, temporal } = lab.state
  return {
    KUBECONFIG: kubernetes.kubeconfig,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  }
}

/** A Module that is loaded, and one whose image nobody has, which keeps its run open. */
async function applyBoth(story: Scenario): Promise<void> {
  const { namespace } = story
  const { registry } = lab.state
  await pushTestImage({ url: `http://${registry}` }, { repository: `${namespace}/${loaded}`, tag: kernel })
  for (const name of [loaded, held])
    await story.apply(tinyModule({ namespace, name, registry, mapping: { build: undefined } }))
  await story.untilLoaded(loaded)
  await story.untilKernel(held, 'has no image', ({ reason }) => reason === 'ImageMissing')
}

const labelOf = async ({ namespace }: Scenario, node: string) =>
  (await lab.kube.get(nodes, { name: node }))?.metadata.labels?.[readyLabel({ namespace, name: loaded })]
const openRuns = async () => await listRuns(lab, `KmmCluster="${lab.cluster}" AND ExecutionStatus="Running"`)

/** Nothing that the operator wrote is left. */
async function expectNothing(story: Scenario, node: string): Promise<void> {
  for (const name of [loaded, held]) expect(await story.module(name)).toBeUndefined()
  expect((await lab.kube.list(nodeModulesConfigs, {})).items).toEqual([])
  expect(await labelOf(story, node)).toBeUndefined()
  await eventually('no run is open', openRuns, (runs) => expect(runs).toEqual([]))
}

test('--unload: it reports why a Module hangs, and ends when the operator has unloaded all', async ({
  open,
}) => {
  const story = await open('unload')
  let inUse = true
  const node = await playNode(story, kernel, (pod) =>
    inUse && pod.metadata.labels?.[labels.workerAction] === 'Unload'
      ? ended(pod, { reason: 'InUse', message: 'tiny is in use' })
      : ended(pod),
  )
  await applyBoth(story)
  const child = startPlugin(line('--unload'), environment())
  child.stdin.end()
  let said = ''
  child.stderr.on('data', (part) => (said += String(part)))
  const exit = once(child, 'exit')
  await eventually(
    'it reports why',
    () => said,
    (text) => {
      expect(text).toContain(`Module ${story.namespace}/${loaded}: 1 node left: ${node}`)
      expect(text).toContain(`node ${node}: Unload failed: InUse: tiny is in use`)
      expect(text).toContain('kmm.sigs.x-k8s.io/force-finalize=')
    },
  )
  inUse = false
  expect(await exit).toEqual([0, null])
  expect(story.pods.workers('Unload').length).toBeGreaterThan(0)
  await expectNothing(story, node)
  // Its ServiceAccount is gone; the next start makes it again.
  await operator.stop()
})

test('--keep-loaded: refused while the operator acts; then nothing is unloaded, and open runs are terminated', async ({
  open,
}) => {
  const story = await open('keep')
  const node = await playNode(story, kernel, (pod) => ended(pod))
  await applyBoth(story)
  expect(await labelOf(story, node)).toBe('')
  expect(await plugin(line('--keep-loaded'), environment())).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('Stop its process first'),
  })
  await operator.stop()
  expect((await openRuns()).length).toBeGreaterThan(0)
  expect(await plugin(line('--keep-loaded'), environment())).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Uninstalled.'),
  })
  await expectNothing(story, node)
  expect(story.pods.workers('Unload')).toEqual([])
})
