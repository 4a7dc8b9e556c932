import type { WorkflowHandle } from '@temporalio/client'
import { expect, test } from 'vitest'
import { doorbell } from '../messages.ts'
import { SimulatedModule, useModuleRuns } from './testing/simulatedModule.ts'
import type { module } from './workflow.ts'

/** How often a Module's own run writes counters and conditions. Counts only: how long it takes is the machine's. */
type Run = WorkflowHandle<typeof module>
const withRun = useModuleRuns()
const patience = { timeout: 60_000 }
const anHourMs = 3_600_000
const news = { changes: [{ kind: 'NodeModulesConfig', name: 'n1', resourceVersion: '1' }] }

/** Activities of a run so far, and its pauses that have ended. */
async function stepsOf(run: Run): Promise<string[]> {
  const { events } = await run.fetchHistory()
  return (events ?? []).flatMap((event) => {
    const activity = event.activityTaskScheduledEventAttributes?.activityType?.name
    return activity ?? (event.timerFiredEventAttributes ? 'paused' : [])
  })
}

/** Nodes that have loaded the module since, told of in so many rings at once. */
async function burst(run: Run, simulated: SimulatedModule, nodes: number, rings: number): Promise<void> {
  simulated.loaded += nodes
  await Promise.all(Array.from({ length: rings }, () => run.signal(doorbell, news)))
}

test('of nodes that finish in bursts nothing is written before the pause is over', async () => {
  const simulated = new SimulatedModule()
  await withRun(simulated, anHourMs, async (run) => {
    await expect.poll(() => simulated.writes, patience).toEqual(['status 0'])
    for (let bursts = 0; bursts < 20; bursts++) await burst(run, simulated, 100, 1)
    // It is answered when all rings have been heard.
    await run.query('__stack_trace')
    expect(await stepsOf(run)).toEqual(['readModule', 'summarizeModule'])
    expect(simulated).toMatchObject({ loaded: 2_000, writes: ['status 0'] })
  })
})

test('2,000 nodes in four bursts are four writes after the first, each as things are then, and none after the last', async () => {
  const simulated = new SimulatedModule()
  await withRun(simulated, 100, async (run) => {
    for (let bursts = 0; bursts < 4; bursts++)
      simulated.meanwhile.push(async () => await burst(run, simulated, 500, 20))
    await run.result()
    const counts = [0, 500, 1_000, 1_500, 2_000]
    expect(simulated.writes).toEqual(counts.map((count) => `status ${count}`))
    const each = ['readModule', 'summarizeModule', 'paused']
    expect(await stepsOf(run)).toEqual([...counts.flatMap(() => each), 'readModule'])
  })
})

test('a ring that changes nothing is read, not written', async () => {
  const simulated = new SimulatedModule()
  simulated.written = 0
  await withRun(simulated, anHourMs, async (run) => {
    await run.result()
    expect(simulated.writes).toEqual([])
    expect(await stepsOf(run)).toEqual(['readModule'])
  })
})

test('what is asked for during the pause is done after it, before status is written again', async () => {
  const simulated = new SimulatedModule()
  await withRun(simulated, 100, async (run) => {
    simulated.meanwhile.push(
      async () => {
        simulated.asked = { retry: '6.1.0', cancel: 'all', rebuild: 'all' }
        await burst(run, simulated, 1, 1)
      },
      async () => {
        simulated.life = 'deleting'
        simulated.remains = ['node n1: the module is not unloaded yet']
        await burst(run, simulated, -1, 1)
      },
      async () => {
        simulated.remains = []
        await burst(run, simulated, 0, 1)
      },
    )
    await run.result()
    expect(simulated.writes).toEqual([
      'status 0',
      'cancel all',
      'retry 6.1.0',
      'rebuild all',
      'status 1',
      'status 0',
      'finalizer off',
    ])
  })
})

test('a run that outgrows its history goes on in a new one', async () => {
  const simulated = new SimulatedModule()
  await withRun(simulated, 100, async (run) => {
    simulated.meanwhile.push(async () => await burst(run, simulated, 2_000, 1_000))
    const { runId } = await run.describe()
    await run.result()
    expect((await run.describe()).runId).not.toBe(runId)
    expect(simulated.writes).toEqual(['status 0', 'status 2000'])
  })
})
