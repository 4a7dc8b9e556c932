import { MockActivityEnvironment } from '@temporalio/testing'
import { expect, test } from 'vitest'
import { apiVersion, kernelRunId, labels } from '../../api/names.ts'
import { testRef } from '../../api/testCluster.ts'
import type { Dependencies } from '../dependencies.ts'
import { expectOwnBuildPod } from './ownBuildPod.ts'

const ref = { namespace: testRef.namespace, name: 'p', uid: 'u' }
const owner = { apiVersion, kind: 'Module', name: testRef.name, uid: 'uid-1' }
const own = {
  namespace: ref.namespace,
  name: ref.name,
  uid: ref.uid,
  labels: { [labels.resourceType]: 'BuildImage', [labels.moduleName]: testRef.name },
  ownerReferences: [owner],
}
/** Looks at this pod as an activity of a run. */
const look = async (metadata: object | undefined, workflowId = kernelRunId('c', testRef, '6.1')) => {
  const deps = { kube: { get: async () => metadata && { metadata } } } as unknown as Dependencies
  const environment = new MockActivityEnvironment({ workflowExecution: { workflowId, runId: 'r' } })
  return (await environment.run(async () => await expectOwnBuildPod(deps, ref))) as unknown
}

test('a build pod of the run’s own Module', async () => {
  expect(await look(own)).toEqual({ metadata: own })
  const signs = { ...own, labels: { ...own.labels, [labels.resourceType]: 'SignImage' } }
  expect(await look(signs)).toEqual({ metadata: signs })
})

test('one that is gone, or another of its name', async () => {
  expect(await look(undefined)).toBeUndefined()
  expect(await look({ ...own, uid: 'other' })).toBeUndefined()
})

test.each<[string, object, string?]>([
  ['any pod', { ...own, labels: {}, ownerReferences: [] }],
  ['a worker pod', { ...own, labels: { [labels.moduleName]: testRef.name } }],
  ['one with our labels that no Module owns', { ...own, ownerReferences: [] }],
  ['one of another Module', { ...own, ownerReferences: [{ ...owner, name: 'other' }] }],
  ['one of another namespace', { ...own, namespace: 'kube-system' }],
  ['one of another run', own, kernelRunId('c', { ...testRef, name: 'other' }, '6.1')],
  ['one that somebody else’s workflow names', own, 'evil'],
])('left alone: %s', async (_name, metadata, workflowId) => {
  await expect(look(metadata, workflowId)).rejects.toMatchObject({ type: 'NoBuildPod', nonRetryable: true })
})
