import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { annotations } from '../../api/names.ts'
import { guardedModule, testBuildPod, testCluster, testKernel, testRef } from '../../api/testCluster.ts'
import type { Dependencies } from '../dependencies.ts'
import { createKube } from '../kube/client.ts'
import { namespaces, secrets } from '../kube/resources.ts'
import { watchHold } from './checkImage.ts'
import { changedSecret, secretVersionsOf, versionOf } from './secretVersions.ts'

const kube = createKube(inject('kubeconfig'))
const { namespace } = testRef
afterAll(async () => await kube.close())
beforeAll(async () => {
  await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
})

const secret = (name: string, value: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace, name },
  stringData: { token: value },
})
async function make(name: string) {
  const { object } = await kube.create(secrets, secret(name, 'first'))
  return { object, versions: { [name]: versionOf(object) } }
}
const change = async (name: string) =>
  await kube.patch(secrets, { namespace, name }, { stringData: { token: 'other' } })

test('a Secret is another one when it was changed, or deleted and made again; while it is gone it is not', async () => {
  const { object, versions } = await make('token')
  const look = () => changedSecret(kube, namespace, versions)
  expect(await look()).toBeUndefined()
  await change('token')
  expect(await look()).toBe('token')
  await kube.delete(secrets, { namespace, name: 'token' }, { uid: object.metadata.uid })
  expect(await look()).toBeUndefined()
  await kube.create(secrets, secret('token', 'first'))
  expect(await look()).toBe('token')
  expect(await changedSecret(kube, namespace, undefined)).toBeUndefined()
})

test.each(['is kept', 'has vanished with its Node'])(
  'a hold ends when a Secret of the failed build is changed, and says nothing of its value: the pod %s',
  async (place) => {
    const kept = place === 'is kept'
    const name = kept ? 'held' : 'vanished'
    const { versions: secrets } = await make(name)
    const pod = testBuildPod({ state: { kind: 'failed', message: '', finishedAt: '2026-01-01T00:00:00Z' } })
    const cache = testCluster({ modules: [guardedModule()], pods: kept ? [pod] : [] })
    const deps = { kube, cache } as unknown as Dependencies
    const request = {
      subject: { ref: testRef, uid: 'm', kernel: testKernel },
      image: 'reg.invalid/fpga:1',
      pod: kept ? { namespace, name: pod.name, uid: pod.uid } : undefined,
      secrets,
    }
    await change(name)
    const news = await new MockActivityEnvironment().run(() => watchHold(deps, request))
    expect(news).toEqual({ kind: 'secretChanged', secret: `${namespace}/${name}` })
  },
)

test('what a pod was made with is told by its annotation; a build without Secrets has nothing to tell', () => {
  const told = (text: string) => secretVersionsOf({ annotations: { [annotations.secretVersions]: text } })
  expect(told('{"token":"u/1"}')).toEqual({ token: 'u/1' })
  expect(told('{}')).toBeUndefined()
  expect(secretVersionsOf({ annotations: {} })).toBeUndefined()
})
