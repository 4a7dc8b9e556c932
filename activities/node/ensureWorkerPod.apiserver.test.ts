import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { parseConfig } from '../../api/config.ts'
import { labels, workerPodName } from '../../api/names.ts'
import { testConfig, testNode } from '../../api/testCluster.ts'
import type { Dependencies } from '../dependencies.ts'
import { createKube } from '../kube/client.ts'
import { namespaces, pods, type Resource, type StoredObject } from '../kube/resources.ts'
import { ensureWorkerPod } from './ensureWorkerPod.ts'

const kube = createKube(inject('kubeconfig'))
afterAll(async () => await kube.close())
const config = parseConfig('')
if (!config.ok) throw new Error(config.message)
const cache = { caughtUp: async () => true }
const deps = {
  kube,
  cache,
  config: config.config,
  workerImage: 'registry.example/kmm-temporal:1',
} as unknown as Dependencies

const v1 = (kind: string, plural: string): Resource<StoredObject> => ({
  apiVersion: 'v1',
  kind,
  plural,
  namespaced: true,
})
const namespace = `quota-${process.pid}`
beforeAll(async () => {
  const metadata = { name: namespace }
  await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata })
  // What the controller manager would make.
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name: 'default' } }
  await kube.create(v1('ServiceAccount', 'serviceaccounts'), account)
})

const refusal = async () => {
  throw new Error('refused')
}
const ensure = async (name: string, change: { settings?: object; entry?: object } = {}) => {
  const record = { name: 'n1', uid: 'record-1', seen: {} }
  const entry = { config: testConfig(), serviceAccountName: 'default', ...change.entry }
  const input = {
    ref: { namespace, name },
    node: testNode(),
    action: 'Load',
    entry,
    configHash: 'c1',
  } as const
  const its = { ...deps, config: { ...deps.config, worker: { ...deps.config.worker, ...change.settings } } }
  const environment = new MockActivityEnvironment()
  const pod = await environment.run(ensureWorkerPod, its, { ...input, record }, refusal)
  return await kube.get(pods, pod as { namespace: string; name: string })
}

test('a worker pod is critical for its node', async () => {
  expect(await ensure('a')).toMatchObject({ spec: { priorityClassName: 'system-node-critical' } })
})

test('the worker image is pulled with the Secrets of the configuration, the kmod image as before', async () => {
  const settings = { imagePullSecrets: ['worker'] }
  const names = async (name: string, change: Parameters<typeof ensure>[1]) =>
    (await ensure(name, change))?.spec?.imagePullSecrets?.map((its) => its.name)
  await kube.create(v1('ServiceAccount', 'serviceaccounts'), {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { namespace, name: 'pulls' },
    imagePullSecrets: [{ name: 'account' }],
  })
  const entry = { serviceAccountName: 'pulls' }
  expect(await names('pulls-b', { entry, settings })).toEqual(['account', 'worker'])
  const named = { ...entry, imageRepoSecret: { name: 'module' } }
  expect(await names('pulls-c', { entry: named, settings })).toEqual(['module', 'worker'])
})

describe('a pod that is there under the name', () => {
  const forge = async (name: string, labelled: Readonly<Record<string, string>>) => {
    const metadata = { namespace, name: workerPodName(testNode().uid, { namespace, name }), labels: labelled }
    const container = { name: 'worker', image: 'attacker.example/evil:1', args: ['loader'] }
    const spec = { nodeName: 'n1', terminationGracePeriodSeconds: 0, containers: [container] }
    await kube.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec })
    return () => kube.get(pods, { namespace, name: metadata.name })
  }
  const its = (name: string) => ({
    [labels.moduleName]: name,
    [labels.workerAction]: 'Load',
    [labels.configHash]: 'c1',
  })

  test('is taken when an attempt before made it', async () => {
    const first = await ensure('twice')
    expect((await ensure('twice'))?.metadata.uid).toBe(first?.metadata.uid)
  })

  test('is removed when it has no more than the labels of the one to be made', async () => {
    const found = await forge('labels', its('labels'))
    await expect(ensure('labels')).rejects.toMatchObject({ type: 'PodNotOurs', nonRetryable: false })
    await expect.poll(found).toBeUndefined()
    expect(await ensure('labels')).toMatchObject({ spec: { containers: [{ image: deps.workerImage }] } })
  })

  test('is left alone when it has none of our labels, and waited for', async () => {
    const found = await forge('unlabelled', {})
    await expect(ensure('unlabelled')).rejects.toMatchObject({ type: 'PodNameTaken', nonRetryable: false })
    expect(await found()).toBeDefined()
  })
})

test('where a quota forbids that, it is made without', async () => {
  const spec = {
    hard: { pods: '0' },
    scopeSelector: {
      matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical'] }],
    },
  }
  const quotas = v1('ResourceQuota', 'resourcequotas')
  const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { namespace, name: 'critical' } }
  await kube.create(quotas, { ...quota, spec })
  // The quota is in force when its status says so, which is the controller manager's part.
  const status = { hard: spec.hard, used: { pods: '0' } }
  await kube.patch(quotas, quota.metadata, { status }, { subresource: 'status' })

  const made = await ensure('b')
  expect(made).toMatchObject({ spec: { nodeName: 'n1' } })
  expect(made).not.toHaveProperty('spec.priorityClassName')
})
