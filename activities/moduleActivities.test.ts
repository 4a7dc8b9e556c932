import { expect, test } from 'vitest'
import { guardedModule, testCluster, testRef } from '../api/testCluster.ts'
import type { Dependencies } from './dependencies.ts'
import { createModuleActivities } from './moduleActivities.ts'

/** Patches in the order in which they are sent; everything succeeds. */
function fakeKube() {
  const sent: string[] = []
  const patch = async (resource: { kind: string }, _ref: object, body: object) => {
    sent.push(`${resource.kind} ${JSON.stringify(body)}`)
    return { kind: 'written', object: { metadata: { resourceVersion: '2' } } }
  }
  return { sent, kube: { patch } }
}

function release(modules: ReturnType<typeof guardedModule>[]) {
  const { sent, kube } = fakeKube()
  const cache = testCluster({ modules })
  const activities = createModuleActivities({ kube, cache } as unknown as Dependencies)
  const uid = modules[0]?.metadata.uid ?? ''
  return { sent, done: activities.releaseModule({ subject: { ref: testRef, uid } }) }
}

test('the guard of the namespace goes before the finalizer: nobody is left afterwards', async () => {
  const { sent, done } = release([guardedModule({}, { deleting: true })])
  await done
  const label = expect.stringMatching(/^Namespace .*contains-modules":null/)
  expect(sent).toEqual([label, expect.stringMatching(/^Module .*"finalizers":\[\]/)])
})

test('it stays while the namespace has another Module', async () => {
  const module = guardedModule({}, { deleting: true })
  const other = { ...module, metadata: { ...module.metadata, name: 'other', uid: 'other' } }
  const { sent, done } = release([module, other])
  await done
  expect(sent.map((line) => line.split(' ')[0])).toEqual(['Module'])
})
