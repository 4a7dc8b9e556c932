import { expect, test } from 'vitest'
import { buildLog } from '../../workflows/messages.ts'
import { eventually } from '../support/eventually.ts'
import { useOperator } from '../support/operator.ts'
import { openScenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'

const lab = useLab()
const operator = useOperator(lab, { job: { gcDelay: '12s' } })
const name = 'tiny'

test('job.gcDelay keeps the pod of a good build, by a timer that outlives the operator', async () => {
  const story = await openScenario(lab, operator, 'gc')
  await story.addNode()
  await story.applyTiny(name)
  await story.untilLoaded(name)
  const { workflowId = '', runId: run = '' } = (await story.kernelStatus(name)) ?? {}
  const handle = lab.temporal.workflow.getHandle(workflowId, run)
  const events = async () => (await handle.fetchHistory()).events ?? []
  const timer = async () =>
    (await events()).find(
      (event) => Number(event.timerStartedEventAttributes?.startToFireTimeout?.seconds) > 1,
    )
  const started = await eventually('the timer of the pod is set', timer, (event) => event !== undefined)
  await operator.kill9()
  const [built] = story.pods.builds()
  expect(built).toMatchObject({ gone: false, pod: { status: { phase: 'Succeeded' } } })

  await operator.start()
  await eventually(
    'the pod is gone',
    () => story.pods.builds(),
    (all) => all.every((pod) => pod.gone),
  )
  const fired = (await events()).find(
    (event) => event.timerFiredEventAttributes?.timerId === started?.timerStartedEventAttributes?.timerId,
  )
  expect(fired?.timerFiredEventAttributes?.startedEventId).toEqual(started?.eventId)
  expect(story.pods.builds()).toHaveLength(1)
  await story.untilLoaded(name)
})

test('a changed job.gcDelay holds for pods that already wait', async () => {
  const story = await openScenario(lab, operator, 'regc')
  await operator.restartWith({ job: { gcDelay: '10h' } })
  await story.addNode()
  await story.applyTiny(name)
  await story.untilLoaded(name)
  expect(story.pods.builds()).toMatchObject([{ gone: false, pod: { status: { phase: 'Succeeded' } } }])
  const { workflowId = '', runId: run = '' } = (await story.kernelStatus(name)) ?? {}

  await operator.restartWith({ job: { gcDelay: '1s' } })
  await eventually(
    'the pod is gone',
    () => story.pods.builds(),
    (all) => all.every((pod) => pod.gone),
  )
  const log = await lab.temporal.workflow.getHandle(workflowId, run).query(buildLog)
  expect(log?.log).toContain('Pushed')
})
