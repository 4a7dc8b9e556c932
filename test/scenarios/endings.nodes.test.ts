import { describe, expect } from 'vitest'
import { nodes } from '../../activities/kube/resources.ts'
import { claimsOn } from '../support/claims.ts'
import { eventually } from '../support/eventually.ts'
import { stories, type Story } from '../support/stories.ts'
import { runId, runsOf, temporalCli } from '../support/runs.ts'
import { kernel, type Scenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'
import { fetching } from '../support/tinyModule.ts'

const lab = useLab()
const test = stories(lab)
const name = 'tiny'

/** Begins a story whose build waits at the gate. */
async function building({ open, gate }: Pick<Story, 'open' | 'gate'>, what: string): Promise<Scenario> {
  const story = await open(what)
  await story.addNode()
  await story.applyTiny(name, [fetching(gate.wait)])
  await gate.untilKnocked()
  return story
}

/** No pod, no claim and no open run of the Module. */
async function expectNothingLeft({ namespace, pods }: Scenario): Promise<void> {
  expect(pods.all().every((pod) => pod.gone)).toBe(true)
  expect(await claimsOn(lab, `${lab.state.registry}/${namespace}/`)).toEqual([])
  await eventually(
    'no run is open',
    () => runsOf(lab, { namespace, name }, 'ExecutionStatus="Running"'),
    (runs) => expect(runs).toEqual([]),
  )
}

test('a Module deleted in mid-build leaves nothing; created anew at once it is built anew (images:BLD-S6, S7)', async ({
  open,
  gate,
}) => {
  const story = await building({ open, gate }, 'deleted')
  await story.deleteModule(name)
  await expectNothingLeft(story)
  await story.applyTiny(name, [fetching(gate.wait)])
  await gate.untilKnocked(2)
  gate.open()
  await story.untilLoaded(name)
  expect(story.pods.builds()).toHaveLength(2)
  expect(story.pods.mostBuildsAtOnce).toBe(1)
})

test('a Module deleted while its build is held leaves nothing, the failed pod neither', async ({ open }) => {
  const story = await open('held')
  await story.addNode()
  await story.applyTiny(name, [['false']])
  await story.untilHeld(name, 'BuildCommandFailed')
  expect(story.pods.builds()).toMatchObject([{ gone: false }])
  await story.deleteModule(name)
  await expectNothingLeft(story)
})

test('the last node of a kernel leaves in mid-build: the build is stopped, and made when one comes (images:BLD-S9)', async ({
  open,
  gate,
}) => {
  const story = await open('leaves')
  const node = await story.addNode()
  await story.applyTiny(name, [fetching(gate.wait)])
  await gate.untilKnocked()
  await story.remove(nodes, node)
  await eventually(
    'the Module has nothing to do with the kernel any more',
    () => story.kernelStatus(name),
    (entry) => entry === undefined,
  )
  await expectNothingLeft(story)
  await story.untilCondition(name, { type: 'Ready', reason: 'NoNodes' })

  await story.addNode()
  await gate.untilKnocked(2)
  gate.open()
  await story.untilLoaded(name)
  expect(story.pods.builds()).toHaveLength(2)
})

describe('the annotation retry-build', () => {
  test('restarts a held build, for its kernel or for all, and is taken off', async ({ open, gate }) => {
    const story = await open('retry')
    await story.addNode()
    await story.applyTiny(name, [fetching(gate.pass)])
    const failed = (attempt: number) =>
      story.untilKernel(name, `failed attempt ${attempt}`, (entry) => {
        expect(entry).toMatchObject({ phase: 'BuildFailed', attempt })
      })
    await failed(1)
    await story.retry(name, kernel)
    await failed(2)
    await story.untilRetryIsTaken(name)
    gate.open()
    await story.retry(name, 'all')
    await story.untilLoaded(name)
    await story.untilRetryIsTaken(name)
    expect(story.pods.builds()).toHaveLength(3)
    expect(story.pods.mostBuildsAtOnce).toBe(1)

    await story.retry(name, 'all')
    await story.untilRetryIsTaken(name)
    expect(story.pods.builds()).toHaveLength(3)
  })
})

describe('a person ends a run', () => {
  test('by Cancel: the pod stops, and only a retry builds again', async ({ open, gate }) => {
    const story = await building({ open, gate }, 'cancelled')
    const id = runId(lab, { namespace: story.namespace, name }, kernel)
    await temporalCli(lab, 'workflow', 'cancel', '--workflow-id', id)
    const entry = await story.untilKernel(name, 'Cancelled', ({ phase }) => phase === 'Cancelled')
    expect(entry.inputHash).toMatch(/^[0-9a-f]{40}$/)
    await expectNothingLeft(story)
    // Something else changes: the watcher looks, and leaves it.
    await story.addNode()
    await story.untilCondition(name, { type: 'Ready', status: 'False', reason: 'Cancelled' })
    expect(story.pods.builds()).toHaveLength(1)

    gate.open()
    await story.retry(name, 'all')
    await story.untilLoaded(name)
    expect(story.pods.builds()).toHaveLength(2)
    await story.untilRetryIsTaken(name)
  })
})
