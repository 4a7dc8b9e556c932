import { expect, test } from 'vitest'
import type { NodePlan, NodeWork } from '../../api/nodePlan.ts'
import { cordoned, testConfig, testNode, testWorkerPod } from '../../api/testCluster.ts'
import { reportNode } from './nodeWords.ts'

const load: NodeWork = { node: 'n1', uid: 'node-1', bootId: 'b1', action: 'Load', configHash: 'c' }
const entry = { namespace: 'drivers', name: 'fpga', serviceAccountName: 'default', config: testConfig() }
const failure = { ...load, reason: 'KeyRejected', message: 'no', attempts: 1, at: '2026-01-01T00:00:00Z' }
const pod = testWorkerPod('Load', testConfig())
const command = { action: 'Load', bootId: 'b1', config: testConfig(), configHash: 'c' } as const

test.each<[string, NodePlan, string, RegExp]>([
  ['loaded', { kind: 'loaded' }, 'loaded', /^loaded$/],
  ['nothing to do', { kind: 'idle' }, 'nothing', /^nothing to do$/],
  ['without its image', { kind: 'waiting' }, 'waits', /waits for the image/],
  ['away', { kind: 'unreachable' }, 'away', /not Ready/],
  ['failed for good', { kind: 'failed', failure, entry }, 'failed', /^load failed: KeyRejected: no$/],
  [
    'failed, and tried again',
    { kind: 'failed', failure: { ...failure, attempts: 3, retryAt: '2026-01-01T00:01:00Z' }, entry },
    'stuck',
    /^load failed 3 times: .* \(tried again at 2026-01-01T00:01:00Z\)$/,
  ],
  ['to be loaded', { kind: 'work', work: load, entry }, 'waits', /^is to be loaded$/],
  ['to be unloaded', { kind: 'work', work: { ...load, action: 'Unload' }, entry }, 'waits', /unloaded/],
  [
    'a pod that does not start',
    { kind: 'work', work: { ...load, trouble: { reason: 'ImagePullBackOff', message: 'm' } }, entry },
    'stuck',
    /^load waits: ImagePullBackOff: m$/,
  ],
  [
    'a pod at work',
    { kind: 'follow', work: load, loaded: false, pod, command },
    'underWay',
    /^loading in pod/,
  ],
  ['a pod that goes', { kind: 'settle', work: load, loaded: true, pod }, 'loaded', /is being ended$/],
  ['given up', { kind: 'leave', work: load, loaded: false, entry }, 'failed', /^given up/],
  ['a record to mend', { kind: 'tidy', work: load, loaded: false }, 'waits', /its record/],
])('%s', (_name, plan, state, says) => {
  expect(reportNode({ node: testNode(), target: true, plan })).toEqual({
    node: 'n1',
    state,
    says: expect.stringMatching(says),
  })
})

test('a node that a cordon keeps out', () => {
  const report = reportNode({ node: testNode(), target: false, plan: { kind: 'idle' }, paused: cordoned })
  expect(report).toMatchObject({ state: 'waits', says: expect.stringContaining(cordoned.key) })
})
