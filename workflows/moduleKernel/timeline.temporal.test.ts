import type { WorkflowHandle } from '@temporalio/client'
import { expect, test } from 'vitest'
import { retry, timeline } from '../messages.ts'
import { failure, held, SimulatedCluster, useKernelRuns } from './testing/simulatedCluster.ts'

const withRun = useKernelRuns()

async function toldBy(run: WorkflowHandle) {
  const { entries } = await run.query(timeline)
  return entries.map(({ what, outcome }) => [what, outcome])
}

test('a run tells its story: while it is held, and when it is over', async () => {
  const cluster = new SimulatedCluster()
  cluster.outcomes = [failure]
  const failed = [
    ['is there an image reg.example/fpga:6.1.0', 'absent'],
    ['build reg.example/fpga:6.1.0, attempt 1', 'failed: BuildCommandFailed'],
  ]
  await withRun(cluster, async (run) => {
    await held(cluster)
    await expect.poll(async () => await toldBy(run), { timeout: 60_000 }).toHaveLength(3)
    const hold = (await toldBy(run))[2] ?? []
    expect(await toldBy(run)).toEqual([
      ...failed,
      [expect.stringMatching(/^held: BuildCommandFailed: /u), 'goes on'],
    ])
    cluster.nodeWork = 'load'
    await run.executeUpdate(retry, { args: [{ reason: 'mended the mirror' }] })
    await run.result()
    expect(await toldBy(run)).toEqual([
      ...failed,
      [hold[0], 'retry: mended the mirror'],
      ['retry: mended the mirror', 'done'],
      ['remove build pod p-1: a retry was asked for', 'done'],
      ['is there an image reg.example/fpga:6.1.0', 'absent'],
      ['build reg.example/fpga:6.1.0, attempt 2', 'succeeded'],
      ['collect build pod p-2', 'done'],
      ['Load on node n1', 'done'],
    ])
    const { entries } = await run.query(timeline)
    expect(entries.every(({ from, to = '', took }) => to >= from && took !== undefined)).toBe(true)
  })
})

test('nothing that a person types for a retry breaks a run', async () => {
  const cluster = new SimulatedCluster()
  cluster.outcomes = [failure]
  await withRun(cluster, async (run) => {
    await held(cluster)
    cluster.nodeWork = 'loaded'
    await run.signal('retryBuild', { reason: { toString: 1 } })
    await run.result()
    expect(cluster.calls).toContain('create 2')
  })
})
