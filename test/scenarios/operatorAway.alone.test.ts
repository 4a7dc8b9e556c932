import { expect } from 'vitest'
import { buildLog } from '../../workflows/messages.ts'
import { eventually } from '../support/eventually.ts'
import { Operator } from '../support/operator.ts'
import { openRelay } from '../../lab/relay.ts'
import { runId, temporalCli } from '../support/runs.ts'
import { kernel, type Scenario } from '../support/scenario.ts'
import { stories, useOperator } from '../support/stories.ts'
import { useLab } from '../support/testLab.ts'
import { fetching } from '../support/tinyModule.ts'
import { expectWhy } from '../support/why.ts'

const lab = useLab()
const operator = useOperator(lab, { job: { gcDelay: '12s' } })
const test = stories(lab, operator)

const untilCollected = (story: Scenario, name: string) =>
  eventually(
    `the build pod of ${name} is gone`,
    () => story.pods.builds(name),
    (all) => all.every((pod) => pod.gone),
  )

test('an operator that is killed loses nothing: four Modules in four states', async ({ open, openGate }) => {
  const story = await open('killed')
  const [slow, quick] = [await openGate(), await openGate()]
  await story.addNode()
  await story.applyTiny('loaded')
  await story.applyTiny('followed', [fetching(slow.wait)])
  await story.applyTiny('terminated', [fetching(slow.wait)])
  await story.applyTiny('ended', [fetching(quick.wait)])
  await Promise.all([story.untilLoaded('loaded'), slow.untilKnocked(2), quick.untilKnocked()])
  const { workflowId = '', runId: run = '' } = (await story.kernelStatus('loaded')) ?? {}
  const collection = await timerOf(workflowId, run)
  await terminateRun(story, 'terminated')

  await operator.kill9()
  expect(story.pods.builds('loaded')).toMatchObject([
    { gone: false, pod: { status: { phase: 'Succeeded' } } },
  ])
  quick.open()
  await eventually(
    'a build ends while no operator runs',
    () => story.pods.builds('ended'),
    (all) => all.every(({ pod }) => pod.status?.phase === 'Succeeded'),
  )
  await operator.start()
  // No pass but that of the new operator finds the terminated run's pod; the gate shows that nobody builds again.
  for (const name of ['followed', 'terminated']) {
    await story.untilKernel(name, 'is followed again', ({ phase }) => phase === 'Building')
  }
  slow.open()

  for (const name of ['followed', 'terminated', 'ended']) {
    await story.untilLoaded(name)
    expect(await story.kernelStatus(name)).toMatchObject({ phase: 'Loaded', attempt: 1 })
    expect(story.pods.builds(name)).toHaveLength(1)
  }
  expect([slow.knocks, quick.knocks]).toEqual([2, 1])
  await untilCollected(story, 'loaded')
  expect(await firingOf(workflowId, run, collection.timerId)).toEqual(collection.startedBy)
  expect(story.pods.builds('loaded')).toHaveLength(1)
})

test('a changed job.gcDelay holds for pods that already wait', async ({ open }) => {
  const story = await open('regc')
  const name = 'tiny'
  await operator.restartWith({ job: { gcDelay: '10h' } })
  await story.addNode()
  await story.applyTiny(name)
  await story.untilLoaded(name)
  expect(story.pods.builds()).toMatchObject([{ gone: false, pod: { status: { phase: 'Succeeded' } } }])
  const { workflowId = '', runId: run = '' } = (await story.kernelStatus(name)) ?? {}

  await operator.stop()
  await expectWhy(story, name, { line: 'operator', reason: 'OperatorDown' })
  await operator.restartWith({ job: { gcDelay: '1s' } })
  await untilCollected(story, name)
  const log = await lab.temporal.workflow.getHandle(workflowId, run).query(buildLog)
  expect(log?.log).toContain('Pushed')
})

test('while Temporal is away nothing happens and why says so; all of it is made up for', async ({
  open,
  onTestFinished,
}) => {
  const { address, namespace } = lab.state.temporal
  const relay = await openRelay('127.0.0.1', address)
  onTestFinished(relay.close)
  await operator.restartWith({ temporal: { address: `127.0.0.1:${relay.port}`, namespace } })
  const story = await open('temporal')
  const name = 'tiny'
  await story.addNode()
  relay.cut()
  await story.applyTiny(name)
  await expectWhy(story, name, { line: 'operator', reason: 'NotSeenYet', goesOn: true })
  expect(story.pods.builds()).toEqual([])

  relay.restore()
  await story.untilLoaded(name)
  await operator.restartWith({})
})

test('a replica that is killed in mid-build leaves its work to the other', async ({ open, gate }) => {
  const replica = new Operator(lab, {}, 'replica')
  await replica.start()
  try {
    const story = await open('replica')
    await story.addNode()
    await story.applyTiny('tiny', [fetching(gate.wait)])
    await gate.untilKnocked()
    await operator.kill9()
    gate.open()
    await story.untilLoaded('tiny')
    expect(gate.knocks).toBe(1)
    expect(story.pods.builds()).toHaveLength(1)
    await operator.start()
  } finally {
    await replica.stop()
  }
})

async function terminateRun({ namespace }: Scenario, name: string): Promise<void> {
  const id = runId(lab, { namespace, name }, kernel)
  await temporalCli(lab, 'workflow', 'terminate', '--workflow-id', id)
}

async function eventsOf(workflowId: string, run: string) {
  return (await lab.temporal.workflow.getHandle(workflowId, run).fetchHistory()).events ?? []
}

/** Waits for the durable timer that collects a build pod. */
async function timerOf(workflowId: string, run: string) {
  const event = await eventually(
    'the timer of the pod is set',
    async () =>
      (await eventsOf(workflowId, run)).find(
        ({ timerStartedEventAttributes: timer }) => Number(timer?.startToFireTimeout?.seconds) > 1,
      ),
    (found) => found !== undefined,
  )
  return { timerId: event?.timerStartedEventAttributes?.timerId, startedBy: event?.eventId }
}

/** Id of the event that started the timer that fired. */
async function firingOf(workflowId: string, run: string, timerId: string | null | undefined) {
  const fired = (await eventsOf(workflowId, run)).find(
    ({ timerFiredEventAttributes: timer }) => timer?.timerId === timerId,
  )
  return fired?.timerFiredEventAttributes?.startedEventId
}
