import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createKube } from './client.ts'
import { classifyPodRejection } from './errors.ts'
import type { Kube } from './kube.ts'
import { configMaps, keyOf, namespaces, pods } from './resources.ts'

let kube: Kube
const namespace = `kube-client-${process.pid}`
const otherUid = '00000000-0000-0000-0000-000000000000'

beforeAll(async () => {
  kube = createKube(inject('kubeconfig'))
  const metadata = { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } }
  await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata })
})
afterAll(async () => {
  await kube.close()
})

function configMap(name: string, metadata: object = {}, data: object = { a: '1' }) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name, ...metadata }, data }
}

async function made(name: string) {
  const { object } = await kube.create(configMaps, configMap(name))
  return object
}

const apply = { fieldManager: 'test', force: true } as const

describe('writing', () => {
  test('a name that is taken gives the object that has it', async () => {
    const first = await kube.create(configMaps, configMap('twice'))
    const second = await kube.create(configMaps, configMap('twice', {}, { b: '2' }))
    expect(first.kind).toBe('created')
    expect(second).toMatchObject({ kind: 'exists', object: { data: { a: '1' } } })
    expect(second.object.metadata.uid).toBe(first.object.metadata.uid)
  })

  test('apply makes an object, and gives up what it leaves out', async () => {
    expect(await kube.applyObject(configMap('applied', {}, { a: '1', b: '2' }), apply)).toMatchObject({
      kind: 'written',
    })
    expect(await kube.applyObject(configMap('applied', {}, { b: '3' }), apply)).toMatchObject({
      object: { data: { b: '3' } },
    })
    expect((await kube.get(configMaps, { namespace, name: 'applied' }))?.data).toEqual({ b: '3' })
  })

  test('with a uid, apply, patch and replace neither create nor touch another object', async () => {
    const missing = configMap('never', { uid: otherUid })
    expect(await kube.applyObject(missing, apply)).toEqual({ kind: 'gone' })
    expect(await kube.get(configMaps, missing.metadata)).toBe(undefined)
    const object = await made('other')
    const other = configMap('other', { uid: otherUid }, { a: '2' })
    expect(await kube.applyObject(other, apply)).toEqual({ kind: 'gone' })
    expect(await kube.patch(configMaps, other.metadata, other)).toEqual({ kind: 'gone' })
    expect(await kube.replace(configMaps, other)).toEqual({ kind: 'gone' })
    expect((await kube.get(configMaps, other.metadata))?.metadata.resourceVersion).toBe(
      object.metadata.resourceVersion,
    )
    const right = configMap('other', { uid: object.metadata.uid }, { a: '3' })
    expect(await kube.applyObject(right, apply)).toMatchObject({ kind: 'written' })
  })

  test('with an old resourceVersion, apply, patch and replace change nothing', async () => {
    const { resourceVersion } = (await made('locked')).metadata
    const newer = await kube.patch(configMaps, { namespace, name: 'locked' }, { data: { a: '2' } })
    expect(newer).toMatchObject({ kind: 'written', object: { data: { a: '2' } } })
    const stale = configMap('locked', { resourceVersion }, { a: '3' })
    expect(await kube.applyObject(stale, apply)).toEqual({ kind: 'modified' })
    expect(await kube.patch(configMaps, stale.metadata, stale)).toEqual({ kind: 'modified' })
    expect(await kube.replace(configMaps, stale)).toEqual({ kind: 'modified' })
  })

  test('fields of another manager are a conflict without force', async () => {
    await made('owned')
    const taken = kube.applyObject(configMap('owned', {}, { a: '2' }), { ...apply, force: false })
    await expect(taken).rejects.toMatchObject({ code: 409, reason: 'Conflict' })
  })

  test('patch of nothing is gone', async () => {
    expect(await kube.patch(configMaps, { namespace, name: 'nothing' }, { data: {} })).toEqual({
      kind: 'gone',
    })
  })

  test('only the object with the uid is deleted', async () => {
    const { metadata } = await made('doomed')
    expect(await kube.delete(configMaps, metadata, { uid: otherUid })).toBe('otherUid')
    expect(await kube.delete(configMaps, metadata, { uid: metadata.uid })).toBe('deleted')
    expect(await kube.delete(configMaps, metadata, { uid: metadata.uid })).toBe('notFound')
  })

  test('an API the server does not know is not an absent object', async () => {
    const unknown = { ...configMaps, apiVersion: 'unknown.test/v1' }
    await expect(kube.get(unknown, { namespace, name: 'x' })).rejects.toMatchObject({ code: 404 })
  })
})

test('lists come whole, page by page, with kind and apiVersion in each object', async () => {
  const names = ['p1', 'p2', 'p3'].map((name) => `${namespace}/${name}`)
  for (const name of ['p1', 'p2', 'p3'])
    await kube.create(configMaps, configMap(name, { labels: { test: 'pages' } }))
  const selection = { namespace, labelSelector: 'test=pages' }
  const pages = []
  for await (const { items } of kube.pages(configMaps, selection, 2)) pages.push(items.map(keyOf))
  expect(pages).toEqual([names.slice(0, 2), names.slice(2)])
  const { items } = await kube.list(configMaps, selection)
  expect(items.map(keyOf)).toEqual(names)
  expect(items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' })
})

describe('a pod that is refused', () => {
  function pod(name: string, container: object = {}) {
    const containers = [{ name: 'c', image: 'example.test/c:1', ...container }]
    return { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name }, spec: { containers } }
  }
  async function rejection(body: ReturnType<typeof pod>) {
    return classifyPodRejection(await kube.create(pods, body).catch((error: unknown) => error), namespace)
  }

  test('by Pod Security: the message has the label to set', async () => {
    const refused = await rejection(pod('privileged', { securityContext: { privileged: true } }))
    expect(refused?.reason).toBe('PodSecurity')
    expect(refused?.message).toMatch(/privileged \(container "c"/)
    expect(refused?.message).toMatch(`namespace ${namespace} pod-security.kubernetes.io/enforce=privileged`)
  })

  test('by a quota: the message names it', async () => {
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', namespaced: true }
    const spec = { hard: { pods: '0' } }
    const metadata = { namespace, name: 'none' }
    await kube.create(quota, { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec })
    // Without a controller manager nobody else fills in the status, and without it admission lets pass.
    const status = { hard: { pods: '0' }, used: { pods: '0' } }
    await kube.patch(quota, metadata, { status }, { subresource: 'status' })
    await expect
      .poll(async () => await rejection(pod('one')))
      .toMatchObject({
        reason: 'Quota',
        message: expect.stringMatching(/exceeded quota: none.*raise ResourceQuota none in namespace/),
      })
  })

  test('because its namespace is being deleted, or is gone', async () => {
    const name = `ending-${process.pid}`
    const made = await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    // Without a controller manager it stays in its deletion.
    await kube.delete(namespaces, { name }, { uid: made.object.metadata.uid })
    for (const gone of [name, 'never-there']) {
      const body = pod('one')
      const elsewhere = { ...body, metadata: { ...body.metadata, namespace: gone } }
      expect(await rejection(elsewhere)).toMatchObject({ reason: 'NamespaceGone' })
    }
  })

  test('by its own faults', async () => {
    expect(await rejection(pod('Not-A-Name'))).toMatchObject({ reason: 'Rejected' })
  })

  test('a server that cannot be reached has refused nothing', () => {
    expect(classifyPodRejection(new Error('x'), namespace)).toBe(undefined)
  })
})
