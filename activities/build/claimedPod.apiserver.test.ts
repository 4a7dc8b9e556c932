import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { claimName } from '../../api/claim.ts'
import type { Dependencies } from '../dependencies.ts'
import { createKube } from '../kube/client.ts'
import { leases, namespaces, pods, serviceAccounts, type Pod } from '../kube/resources.ts'
import type { PodBody } from '../podBody.ts'
import { recordClaimedPod, takeBuildPod } from './claimedPod.ts'
import { testPod } from './testPod.ts'

/** Pods as a real API server stores them: with its defaults. */
const kube = createKube(inject('kubeconfig'))
const namespace = `claimed-${process.pid}`
const deps = { kube, namespace } as unknown as Dependencies
beforeAll(async () => {
  await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  // No controller makes it here.
  await kube.create(serviceAccounts, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { namespace, name: 'default' },
  })
})
afterAll(async () => await kube.close())

let made = 0
/** A build pod as the operator would make it, and the one that is there. */
async function found(change: (body: PodBody) => PodBody = (body) => body) {
  const pod = testPod({
    mapping: { imageRepoSecret: { name: 'login' } },
    build: { secrets: [{ name: 's' }] },
  })
  const { ownerReferences: _owners, ...metadata } = pod.metadata
  const named = { ...pod, metadata: { ...metadata, namespace, name: `pod-${++made}` } } as unknown as PodBody
  const body = change(named)
  const { object } = await kube.create<Pod>(pods, body)
  return { wanted: named, object, image: `reg.example/${named.metadata.name}:1` }
}
const take = ({ wanted, object, image }: Awaited<ReturnType<typeof found>>) =>
  takeBuildPod(deps, image, wanted, object)
const isThere = async ({ object }: Awaited<ReturnType<typeof found>>) =>
  (await kube.get(pods, { namespace, name: object.metadata.name })) !== undefined
const succeeded = async (pod: Awaited<ReturnType<typeof found>>) => {
  const ref = { namespace, name: pod.object.metadata.name }
  const written = await kube.patch(pods, ref, { status: { phase: 'Succeeded' } }, { subresource: 'status' })
  if (written.kind !== 'written') throw new Error('not written')
  return { ...pod, object: written.object as Pod }
}

test('a pod that an attempt before made is taken, though the API server has added defaults', async () => {
  const pod = await found()
  await take(pod)
  expect(await isThere(pod)).toBe(true)
})

interface Spec {
  [field: string]: unknown
  containers: Record<string, unknown>[]
  volumes: Record<string, unknown>[]
}
test.each<[string, (spec: Spec) => void]>([
  ['has another image', ({ containers: [its] }) => void (its!['image'] = 'evil.example/kaniko:1')],
  [
    'has other arguments',
    ({ containers: [its] }) => void (its!['args'] = ['--destination', 'evil.example/x']),
  ],
  ['has a command', ({ containers: [its] }) => void (its!['command'] = ['/busybox/sh'])],
  ['has a variable more', ({ containers: [its] }) => void (its!['envFrom'] = [{ secretRef: { name: 'x' } }])],
  ['has one container more', ({ containers }) => void containers.push({ name: 'more', image: 'x' })],
  [
    'sends the registry to another address',
    (spec) => void (spec['hostAliases'] = [{ ip: '10.1.2.3', hostnames: ['reg.example'] }]),
  ],
  ['shares its processes', (spec) => void (spec['shareProcessNamespace'] = true)],
  ['is in the network of the node', (spec) => void (spec['hostNetwork'] = true)],
  ['has more rights', ({ containers: [its] }) => void (its!['securityContext'] = { privileged: true })],
  [
    'reads another Dockerfile',
    ({ volumes }) =>
      void (volumes.find(({ name }) => name === 'dockerfile')!['configMap'] = { name: 'evil' }),
  ],
])('one under its name that %s is removed', async (_what, change) => {
  const pod = await found((body) => {
    const changed = structuredClone(body)
    change(changed.spec as unknown as Spec)
    return changed
  })
  await expect(take(pod)).rejects.toMatchObject({ type: 'PodNotOurs', nonRetryable: false })
  expect(await isThere(pod)).toBe(false)
})

test('one that has ended counts only when its claim names it', async () => {
  const pod = await succeeded(await found())
  await expect(take(pod)).rejects.toMatchObject({ type: 'PodNotOurs' })
  const another = await succeeded(await found())
  const metadata = { namespace, name: claimName(another.image) }
  const lease = { apiVersion: leases.apiVersion, kind: leases.kind, metadata, spec: { holderIdentity: 'x' } }
  await kube.create(leases, lease)
  await recordClaimedPod(deps, another.image, another.object.metadata.uid)
  await take(another)
  expect(await isThere(another)).toBe(true)
})
