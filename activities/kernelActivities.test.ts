import { MockActivityEnvironment } from '@temporalio/testing'
import { expect, test } from 'vitest'
import { guardedModule, testCluster, testKernel, testRef } from '../api/testCluster.ts'
import type { Dependencies } from './dependencies.ts'
import { createKernelActivities } from './kernelActivities.ts'

/** A cache that has got to Module version 5, over an API server that nobody may ask. */
const cache = {
  ...testCluster({ modules: [guardedModule()] }),
  caughtUp: async (seen: Record<string, string>) => Number(seen['Module'] ?? 0) <= 5,
}
const deps = { cache, config: { job: { gcDelay: 0 } } } as unknown as Dependencies
const activities = createKernelActivities(deps)
const subject = { ref: testRef, uid: 'uid-1', kernel: testKernel }
const pod = { namespace: 'drivers', name: 'p', uid: 'pod-1' }
const image = 'reg.example/fpga:1'
const work = { node: 'n1', uid: 'node-1', bootId: 'b1', action: 'Load', configHash: 'c1' } as const

test('what is not older than the run has seen is read', async () => {
  expect(await activities.readKernel({ subject, seen: { Module: '5' } })).toMatchObject({ uid: 'uid-1' })
})

const behind = { subject, seen: { Module: '6' }, entry: undefined }
test.each<[string, () => Promise<unknown>]>([
  ['readKernel', () => activities.readKernel(behind)],
  ['reportKernel', () => activities.reportKernel(behind)],
  ['checkImage', () => activities.checkImage({ ...behind, image })],
  ['createBuildPod', () => activities.createBuildPod({ ...behind, image, inputHash: 'h', attempt: 1 })],
  ['followBuildPod', () => activities.followBuildPod({ ...behind, pod, image })],
  ['watchHold', () => activities.watchHold({ ...behind, image, pod })],
  ['workOnNode', () => activities.workOnNode({ ...behind, work })],
])('%s acts on nothing older: another replica may have seen more', async (_name, act) => {
  await expect(act()).rejects.toMatchObject({ type: 'CacheBehind' })
})

const current = { subject, seen: {}, entry: undefined }
test.each<[string, () => Promise<unknown>]>([
  ['checkImage', () => activities.checkImage({ ...current, image })],
  ['createBuildPod', () => activities.createBuildPod({ ...current, image, inputHash: 'h', attempt: 1 })],
  ['watchHold', () => activities.watchHold({ ...current, image, pod })],
])('%s beats, so that a slow registry is told from an operator that is lost', async (_name, act) => {
  const environment = new MockActivityEnvironment()
  let beats = 0
  environment.on('heartbeat', () => beats++)
  await environment.run(act).catch(() => undefined)
  expect(beats).toBeGreaterThan(0)
})
