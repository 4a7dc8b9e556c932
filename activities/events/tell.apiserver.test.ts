import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Module } from '../../api/module.ts'
import { guardedModule, testCluster, testKernel } from '../../api/testCluster.ts'
import type { Dependencies } from '../dependencies.ts'
import { createKube } from '../kube/client.ts'
import { events, namespaces } from '../kube/resources.ts'
import { createEventRecorder } from './eventRecorder.ts'
import { tell } from './tell.ts'

const kube = createKube(inject('kubeconfig'))
const namespace = `told-${process.pid}`
beforeAll(async () => {
  await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
})
afterAll(async () => await kube.close())

/** A process that tells of a Module; it has said nothing yet. */
function operator(name: string, uid: string) {
  const metadata = { ...guardedModule().metadata, namespace, name, uid }
  const module: Module = { ...guardedModule(), metadata }
  const cache = testCluster({ modules: [module] })
  const deps = { kube, cache, events: createEventRecorder(kube), observe: () => undefined }
  const about = { ref: { namespace, name }, kernel: testKernel }
  return async (node: string) =>
    await new MockActivityEnvironment().run(() =>
      tell(deps as unknown as Dependencies, about, {
        kind: 'NodeFailed',
        action: 'Load',
        node,
        bootId: 'b1',
        configHash: 'c1',
        reason: 'KeyRejected',
        message: 'Key was rejected by service',
      }),
    )
}
const said = async (about: string, where: string) =>
  (await kube.list(events, { namespace: where })).items.filter(
    ({ involvedObject }) => involvedObject.name === about,
  )
const requests = () => kube.requests.get('create events') ?? 0

test('a fault of many nodes, told again by another operator, is one Event of the Module and one of each Node', async () => {
  const nodes = Array.from({ length: 50 }, (_value, index) => `node-${process.pid}-${index}`)
  const [first, second] = [operator('many', 'u1'), operator('many', 'u1')]
  const before = requests()
  await Promise.all(nodes.map((node) => first(node)))
  expect(requests() - before).toBe(nodes.length + 1)
  await Promise.all(nodes.map((node) => first(node)))
  expect(requests() - before).toBe(nodes.length + 1)
  await Promise.all(nodes.map((node) => second(node)))

  expect(await said('many', namespace)).toMatchObject([
    {
      reason: 'LoadFailed',
      type: 'Warning',
      message: expect.stringMatching(/^Load failed for kernel .*, first on node .*: KeyRejected: Key was/),
      metadata: { annotations: { 'kernel-version': testKernel } },
    },
  ])
  for (const node of nodes) {
    expect(await said(node, 'default')).toMatchObject([
      { reason: 'ModuleLoadFailed', metadata: { annotations: { module: `${namespace}/many` } } },
    ])
  }
})

test('a Module that was created anew has Events of its own', async () => {
  await operator('anew', 'u1')(`node-${process.pid}-anew`)
  await operator('anew', 'u2')(`node-${process.pid}-anew`)
  const uids = (await said('anew', namespace)).map(({ involvedObject }) => involvedObject.uid)
  expect(uids.toSorted((a = '', b = '') => (a < b ? -1 : 1))).toEqual(['u1', 'u2'])
})
