import { expect } from 'vitest'
import { pods } from '../../activities/kube/resources.ts'
import { eventually } from '../support/eventually.ts'
import { relabelledImage } from '../support/relabelledImage.ts'
import { runId, runsOf } from '../support/runs.ts'
import { kernel, type Scenario } from '../support/scenario.ts'
import { stories, useInstalledOperator } from '../support/stories.ts'
import { useLab } from '../support/testLab.ts'
import { fetching } from '../support/tinyModule.ts'
import { expectWhy } from '../support/why.ts'

/** What the operator's own pods go through, with the shipped Deployment in two replicas. */
const lab = useLab()
const operator = useInstalledOperator(lab)
const test = stories(lab, operator)

const untilHeld = async (story: Scenario, name: string) => {
  const entry = await story.untilKernel(name, 'is held', ({ phase }) => phase === 'BuildFailed')
  const ref = { namespace: story.namespace, name }
  await eventually(
    `the run of ${name} is open and held`,
    () => runsOf(lab, ref, 'KmmHeld=true AND ExecutionStatus="Running"'),
    (runs) => expect(runs.map((run) => run.workflowId)).toEqual([runId(lab, ref, kernel)]),
  )
  return entry
}

test('the leader is killed in mid-build: the other replica takes over, and nothing is built twice', async ({
  open,
  gate,
}) => {
  const story = await open('leader')
  await story.addNode()
  await story.applyTiny('tiny', [fetching(gate.wait)])
  await gate.untilKnocked()
  const leader = await operator.leader()
  await operator.kill9(leader)
  gate.open()
  await story.untilLoaded('tiny')
  expect(await story.kernelStatus('tiny')).toMatchObject({ phase: 'Loaded', attempt: 1 })
  expect(gate.knocks).toBe(1)
  expect(story.pods.builds()).toHaveLength(1)
})

test('both replicas are away: what ends, fails and is cleaned up meanwhile is made up for', async ({
  open,
  openGate,
}) => {
  const story = await open('away')
  const [slow, failing] = [await openGate(), await openGate()]
  await story.addNode()
  await story.applyTiny('ends', [fetching(slow.wait)])
  await story.applyTiny('held', [fetching(failing.pass)])
  const { buildPod = '' } = await untilHeld(story, 'held')
  await slow.untilKnocked()

  await operator.stop()
  slow.open()
  failing.open()
  await story.remove(pods, buildPod)
  await story.applyTiny('new')
  await eventually(
    'a build ends while no operator runs',
    () => story.pods.builds('ends'),
    (all) => all.every(({ pod }) => pod.status?.phase === 'Succeeded'),
  )
  await expectWhy(story, 'new', { line: 'operator', reason: 'OperatorDown' })

  await operator.start()
  for (const name of ['ends', 'held', 'new']) await story.untilLoaded(name)
  expect(await story.kernelStatus('ends')).toMatchObject({ attempt: 1 })
  expect(await story.kernelStatus('held')).toMatchObject({ attempt: 2 })
  expect(slow.knocks).toBe(1)
  expect(story.pods.builds('held')).toHaveLength(2)
})

test('an upgrade and a rollback while one build runs, another is held and nodes are loaded: nothing is done twice', async ({
  open,
  openGate,
}) => {
  const story = await open('upgrade')
  const [slow, failing] = [await openGate(), await openGate()]
  await story.addNode()
  await story.applyTiny('loaded')
  await story.untilLoaded('loaded')
  await story.applyTiny('builds', [fetching(slow.wait)])
  await story.applyTiny('held', [fetching(failing.pass)])
  const held = await untilHeld(story, 'held')
  await slow.untilKnocked()
  // A rollout is under way too.
  const more = Array.from({ length: 8 }, () => story.addNode())
  await Promise.all(more)

  for (const image of [await relabelledImage(lab), lab.workerImage]) {
    const before = (await operator.pods()).map(({ metadata }) => metadata.uid)
    await operator.upgrade({ image })
    const after = await operator.pods()
    expect(after.map(({ spec }) => spec?.containers[0]?.image)).toEqual([image, image])
    expect(after.filter(({ metadata }) => before.includes(metadata.uid))).toEqual([])
    expect(await untilHeld(story, 'held')).toMatchObject({ buildPod: held.buildPod, attempt: 1 })
  }
  slow.open()
  await story.untilLoaded('builds')
  expect(slow.knocks).toBe(1)
  expect(story.pods.builds('builds')).toHaveLength(1)
  failing.open()
  await story.retry('held', 'all')
  await story.untilLoaded('held')
  expect(await story.kernelStatus('held')).toMatchObject({ attempt: 2 })
  await story.untilLoaded('loaded')
  // Each of three Modules was loaded once on each of nine nodes.
  for (const name of ['loaded', 'builds', 'held']) {
    const nodes = story.pods.workers('Load', name).map(({ pod }) => pod.spec?.nodeName)
    expect(nodes).toHaveLength(9)
    expect(new Set(nodes).size).toBe(9)
  }
})
