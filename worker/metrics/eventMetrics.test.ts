import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { ModuleEvent } from '../../activities/events/moduleEvent.ts'
import { createEventMetrics } from './eventMetrics.ts'

const pod = { namespace: 'ns', name: 'fpga-build-a-1', uid: 'p1' }
const ended = {
  kind: 'BuildEnded',
  stage: 'build',
  pod,
  image: 'i',
  reason: 'CompileFailed',
  message: 'no',
} as const
const onNode = { node: 'node-1', bootId: 'b1', configHash: 'c1', podUid: 'w1', message: 'words' }
const hold = { key: 'k', reason: 'CompileFailed', message: 'no' }

async function pageOf(...events: readonly ModuleEvent[]): Promise<string> {
  const registry = new Registry()
  const count = createEventMetrics(registry)
  for (const event of events) count(event)
  return await registry.metrics()
}

test.each<[ModuleEvent, readonly string[]]>([
  [
    { kind: 'ImageAsked', image: 'i', by: 'registry', result: 'absent', seconds: 2 },
    [
      'kmm_image_check_duration_seconds_bucket{le="3",by="registry",result="absent"} 1',
      'kmm_image_check_duration_seconds_count{by="registry",result="absent"} 1',
    ],
  ],
  [
    { kind: 'BuildCreated', stage: 'build', pod, image: 'i', attempt: 1, createdAt: '' },
    ['kmm_builds_created_total 1'],
  ],
  [
    { ...ended, result: 'failed', seconds: 70 },
    [
      'kmm_builds_total{result="failed",reason="CompileFailed"} 1',
      'kmm_build_duration_seconds_bucket{le="60",result="failed"} 0',
      'kmm_build_duration_seconds_bucket{le="120",result="failed"} 1',
      'kmm_build_duration_seconds_sum{result="failed"} 70',
    ],
  ],
  [
    { ...ended, result: 'succeeded', reason: 'Completed' },
    ['kmm_builds_total{result="succeeded",reason="Completed"} 1'],
  ],
  [
    { kind: 'BuildCreated', stage: 'sign', pod, image: 'i', attempt: 1, createdAt: '' },
    ['kmm_signs_created_total 1', 'kmm_builds_created_total 0'],
  ],
  [
    { ...ended, stage: 'sign', result: 'failed', seconds: 7 },
    [
      'kmm_signs_total{result="failed",reason="CompileFailed"} 1',
      'kmm_sign_duration_seconds_bucket{le="10",result="failed"} 1',
    ],
  ],
  [{ kind: 'BuildStopped', stage: 'build', pod, why: 'superseded' }, ['kmm_builds_superseded_total 1']],
  [
    { kind: 'BuildStopped', stage: 'build', pod, why: 'moduleDeleted' },
    ['kmm_builds_cancelled_total{reason="moduleDeleted"} 1'],
  ],
  [
    { ...onNode, kind: 'NodeDone', action: 'Load', seconds: 3 },
    [
      'kmm_loads_total{result="succeeded",reason="Completed"} 1',
      'kmm_load_duration_seconds_count{result="succeeded"} 1',
    ],
  ],
  [
    { ...onNode, kind: 'NodeFailed', action: 'Unload', reason: 'InUse', seconds: 3 },
    [
      'kmm_unloads_total{result="failed",reason="InUse"} 1',
      'kmm_unload_duration_seconds_count{result="failed"} 1',
    ],
  ],
  [{ ...onNode, kind: 'LeftLoaded' }, ['kmm_left_loaded_total 1']],
  [{ kind: 'Held', hold }, ['kmm_holds_total{reason="CompileFailed"} 1']],
  [{ kind: 'HoldReleased', hold, activity: '' }, ['kmm_holds_released_total{reason="CompileFailed"} 1']],
])('%o is counted', async (event, lines) => {
  const page = (await pageOf(event)).split('\n')
  for (const line of lines) expect(page).toContain(line)
})

test('no series names a node or a pod', async () => {
  const page = await pageOf({ ...ended, result: 'failed' }, { ...onNode, kind: 'NodeDone', action: 'Load' })
  expect(page).not.toContain(pod.name)
  expect(page).not.toContain('node-1')
})

test('however many reasons come, the series stay few', async () => {
  const storm = Array.from({ length: 1_000 }, (_value, index): ModuleEvent => {
    return { ...onNode, kind: 'NodeFailed', action: 'Load', reason: `Reason${index}` }
  })
  const series = (await pageOf(...storm)).match(/^kmm_loads_total\{.*$/gm) ?? []
  expect(series).toHaveLength(101)
  expect(series).toContain('kmm_loads_total{result="failed",reason="Other"} 900')
})

test('what is not one word is no label', async () => {
  const page = await pageOf({ ...ended, result: 'failed', reason: 'pod "x-1" died' })
  expect(page).toContain('kmm_builds_total{result="failed",reason="Other"} 1')
})
