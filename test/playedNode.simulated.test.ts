import { expect, vi } from 'vitest'
import { modules, nodes, pods, type Pod } from '../activities/kube/resources.ts'
import { annotations, labels, readyLabel } from '../api/names.ts'
import { pageOf } from '../workflows/moduleKernel/testing/page.ts'
import { eventually } from './support/eventually.ts'
import { stories, useOperator } from './support/stories.ts'
import { ended, playNode, stuck, type Play } from './support/playedNode.ts'
import { pushTestImage } from './support/pushTestImage.ts'
import { kernel, type Scenario } from './support/scenario.ts'
import { useSimulatedLab } from './support/simulatedLab.ts'
import { tinyModule } from './support/tinyModule.ts'

/** What the operator makes of worker pods that do not end well; the test plays the kubelet. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const lab = useSimulatedLab()
const operator = useOperator(lab)
const test = stories(lab, operator)
const name = 'tiny'

async function apply(story: Scenario): Promise<void> {
  const { namespace } = story
  const { registry } = lab.state
  await pushTestImage({ url: `http://${registry}` }, { repository: `${namespace}/${name}`, tag: kernel })
  await story.apply(tinyModule({ namespace, name, registry, mapping: { build: undefined } }))
}
const setParameter = async (story: Scenario, parameter: string) => {
  const modprobe = { parameters: [parameter] }
  const ref = { namespace: story.namespace, name }
  await lab.kube.patch(modules, ref, { spec: { moduleLoader: { container: { modprobe } } } })
}
const labelOf = async (story: Scenario, node: string) =>
  (await lab.kube.get(nodes, { name: node }))?.metadata.labels?.[
    readyLabel({ namespace: story.namespace, name })
  ]

test('users.md 1: a module in use waits visibly; a cordon, or a wish to keep it, ends the unload', async ({
  open,
}) => {
  const story = await open('in-use')
  let inUse = true
  const node = await playNode(story, kernel, (pod) =>
    inUse && pod.metadata.labels?.[labels.workerAction] === 'Unload'
      ? ended(pod, { reason: 'InUse', message: 'tiny is in use (reference count 1, held by other)' })
      : ended(pod),
  )
  await apply(story)
  await story.untilLoaded(name)
  await setParameter(story, 'debug=1')
  const waits = await story.untilKernel(name, 'waits visibly', ({ reason }) => reason === 'InUse')
  expect(waits.message).toMatch(
    new RegExp(
      `^Node ${node}: tiny is in use \\(reference count 1, held by other\\) \\(failed \\S+.*, tried again at 20`,
    ),
  )
  expect(waits).toMatchObject({ phase: 'Unloading', nodes: { failed: 0, waiting: 1 } })
  const inUseOn = `#### Nodes that wait\n- **${node}**: InUse: tiny is in use (reference count 1, held by other)`
  expect(await pageOf(lab.temporal.workflow.getHandle(waits.workflowId ?? ''))).toContain(inUseOn)
  await story.untilKernel(name, 'tries again', ({ message }) => /failed [2-9] times/.test(message ?? ''))
  expect(await labelOf(story, node)).toBeUndefined()

  await lab.kube.patch(nodes, { name: node }, { spec: { unschedulable: true } })
  await eventually(
    'the cordon takes the unload back',
    () => labelOf(story, node),
    (label) => label === '',
  )
  await lab.kube.patch(nodes, { name: node }, { spec: { unschedulable: false } })
  await story.untilKernel(name, 'waits again', ({ reason }) => reason === 'InUse')

  inUse = false
  await story.untilLoaded(name)
  expect(story.pods.workers('Load')).toHaveLength(2)
  expect(await labelOf(story, node)).toBe('')
})

test("a pod whose image cannot be pulled says so in the registry's words, and is replaced for another config", async ({
  open,
}) => {
  const story = await open('no-pull')
  const words = 'failed to resolve reference "r/a": r/a: not found'
  const isNew = (pod: Pod) =>
    pod.metadata.annotations?.[annotations.workerConfig]?.includes('debug=1') === true
  const play: Play = (pod) => (isNew(pod) ? ended(pod) : stuck('ErrImagePull', words))
  const node = await playNode(story, kernel, play)
  await apply(story)
  const entry = await story.untilKernel(name, 'says so', ({ reason }) => reason === 'ImagePullBackOff')
  const [first] = story.pods.workers('Load')
  expect(entry.message).toBe(
    `Node ${node}: pod ${first?.name}: ${words}. If the registry has lost the image, raise ` +
      'spec.imageRebuildTriggerGeneration: it is looked for and built again.',
  )
  await setParameter(story, 'debug=1')
  await story.untilLoaded(name)
  expect(story.pods.workers('Load')).toMatchObject([{ uid: first?.uid, gone: true }, {}])
  expect(story.pods.workers('Unload')).toEqual([])
  expect((await story.kernelStatus(name))?.reason).toBeUndefined()
})

test('nodes:STM-7, users.md 7: an evicted worker pod is run again, and so is one that somebody deleted', async ({
  open,
}) => {
  const story = await open('evicted')
  let evictions = 0
  let free = false
  await playNode(story, kernel, (pod) => {
    if (evictions++ === 0)
      return { phase: 'Failed', reason: 'Evicted', message: 'The node was low on memory.' }
    return free ? ended(pod) : undefined
  })
  await apply(story)
  const entry = await story.untilKernel(name, 'says why', ({ reason }) => reason === 'Evicted')
  expect(entry.message).toMatch(/The node was low on memory\. \(failed once, tried again at 20/)
  const second = await eventually(
    'it is run again',
    () => story.pods.workers('Load').find(({ gone, pod }) => !gone && pod.status?.phase === 'Pending'),
    (pod) => pod !== undefined,
  )
  await story.remove(pods, second?.name ?? '')
  free = true
  await story.untilLoaded(name)
  expect(story.pods.workers('Load').length).toBeGreaterThanOrEqual(3)
})
