import { expect } from 'vitest'
import { events, pods } from '../../activities/kube/resources.ts'
import type { KernelStatus } from '../../api/module.ts'
import { eventually } from '../support/eventually.ts'
import { stories } from '../support/stories.ts'
import { digestOf } from '../support/registry.ts'
import { runId, runsOf, temporalCli } from '../support/runs.ts'
import { kernel, type Scenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'
import { dockerfile, fetching, tinyDockerfile } from '../support/tinyModule.ts'

const lab = useLab()
const test = stories(lab)
const name = 'tiny'

/** Waits for a failed build to be held: said in status, kept as a pod, waited on by an open run. */
async function untilHeld(story: Scenario): Promise<KernelStatus> {
  const ref = { namespace: story.namespace, name }
  const entry = await story.untilKernel(name, 'BuildFailed', ({ phase }) => phase === 'BuildFailed')
  await eventually(
    'the run is open and held',
    () => runsOf(lab, ref, 'KmmHeld=true AND ExecutionStatus="Running"'),
    (runs) => expect(runs.map((run) => run.workflowId)).toEqual([runId(lab, ref, kernel)]),
  )
  return entry
}

/** What is true of every Module whose second build went well. */
async function expectSecondAttempt(story: Scenario): Promise<void> {
  await story.untilLoaded(name)
  const entry = await story.kernelStatus(name)
  expect(entry).toMatchObject({ phase: 'Loaded', attempt: 2 })
  expect(entry?.digest).toBe(await digestOf(lab.state.registry, `${story.namespace}/${name}`, kernel))
  expect(entry?.errorLines).toBeUndefined()
  const builds = story.pods.builds()
  expect(builds.map((pod) => pod.name)).toEqual([entry?.buildPod?.replace(/2$/, '1'), entry?.buildPod])
  const ref = { namespace: story.namespace, name }
  await eventually(
    'the run is completed and not held',
    () => runsOf(lab, ref, 'KmmHeld=true OR ExecutionStatus="Running"'),
    (runs) => runs.length === 0,
  )
}

test('a broken Dockerfile is held with its log, and mending it builds again', async ({ open }) => {
  const story = await open('broken')
  await story.addNode()
  await story.applyTiny(name, [['cat', '/nowhere/at/all']])
  const entry = await untilHeld(story)

  expect(entry).toMatchObject({ reason: 'BuildCommandFailed', attempt: 1 })
  expect(entry.errorLines).toContain("can't open '/nowhere/at/all'")
  expect(entry.message).toContain('retryBuild')
  const [failed] = story.pods.builds()
  expect(failed).toMatchObject({ name: entry.buildPod, gone: false, pod: { status: { phase: 'Failed' } } })
  await story.untilCondition(name, { type: 'Degraded', status: 'True', reason: 'BuildCommandFailed' })

  const { namespace, base } = story
  const { items } = await lab.kube.list(events, { namespace })
  const said = items.find(({ reason }) => reason === 'BuildFailed')
  expect(said?.metadata.annotations).toEqual({ 'kernel-version': kernel, 'pod-name': entry.buildPod })
  await story.apply(dockerfile(namespace, name, tinyDockerfile(base, ['true'])))
  await story.untilLoaded(name)
  expect(story.pods.builds()).toHaveLength(2)
  expect((await story.kernelStatus(name))?.inputHash).not.toBe(entry.inputHash)
  await eventually(
    'both build pods are gone',
    () => story.pods.builds(),
    (all) => all.every((pod) => pod.gone),
  )
})

test('a failed pod deleted by hand is built again', async ({ open, gate }) => {
  const story = await open('deleted')
  await story.addNode()
  await story.applyTiny(name, [fetching(gate.pass)])
  const { buildPod = '' } = await untilHeld(story)

  gate.open()
  expect(story.pods.builds()).toHaveLength(1)
  await story.remove(pods, buildPod)
  await expectSecondAttempt(story)
})

test('the signal retryBuild of the temporal command line builds again', async ({ open, gate }) => {
  const story = await open('signal')
  await story.addNode()
  await story.applyTiny(name, [fetching(gate.pass)])
  const { workflowId = '' } = await untilHeld(story)

  gate.open()
  await temporalCli(lab, 'workflow', 'signal', '--workflow-id', workflowId, '--name', 'retryBuild')
  await expectSecondAttempt(story)
})
