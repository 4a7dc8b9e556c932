import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { openGate } from '../support/gate.ts'
import { useOperator } from '../support/operator.ts'
import { openScenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'
import { fetching } from '../support/tinyModule.ts'

const lab = useLab()
const operator = useOperator(lab)
const name = 'tiny'

test('an operator killed in the middle of a build finds its pod again and makes no other', async () => {
  const gate = await openGate(lab.state.address)
  const story = await openScenario(lab, operator, 'kill9')
  await story.addNode()
  await story.applyTiny(name, [fetching(gate.wait)])
  await eventually(
    'the build waits at the gate',
    () => gate.knocks,
    (knocks) => knocks === 1,
  )
  await operator.kill9()
  await operator.start()
  const entry = await story.untilKernel(name, 'is followed again', ({ phase }) => phase === 'Building')
  gate.open()

  await story.untilLoaded(name)
  expect(gate.knocks).toBe(1)
  expect(story.pods.builds().map((pod) => pod.name)).toEqual([entry.buildPod])
  expect(await story.kernelStatus(name)).toMatchObject({ phase: 'Loaded', attempt: 1 })
})

test('a build that ended while no operator ran is taken for what it is', async () => {
  const gate = await openGate(lab.state.address)
  const story = await openScenario(lab, operator, 'missed')
  await story.addNode()
  await story.applyTiny(name, [fetching(gate.wait)])
  await eventually(
    'the build waits at the gate',
    () => gate.knocks,
    (knocks) => knocks === 1,
  )
  await operator.kill9()
  gate.open()
  await eventually(
    'the build has ended',
    () => story.pods.builds(),
    (all) => all.every(({ pod }) => pod.status?.phase === 'Succeeded'),
  )
  await operator.start()

  await story.untilLoaded(name)
  expect(story.pods.builds()).toHaveLength(1)
})
