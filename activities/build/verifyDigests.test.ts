import { MockActivityEnvironment } from '@temporalio/testing'
import { expect, test } from 'vitest'
import { parseConfig } from '../../api/config.ts'
import type { PodFacts } from '../../api/facts.ts'
import { wantedImage } from '../../api/imageWish.ts'
import type { KernelStatus } from '../../api/module.ts'
import { annotations } from '../../api/names.ts'
import { guardedModule, testBuildPod, testCluster, testKernel, testRef } from '../../api/testCluster.ts'
import type { Dependencies } from '../dependencies.ts'
import {
  onThisMachine,
  refusal,
  type Script,
  scriptedRegistry,
  sha256,
} from '../registry/testing/scriptedRegistry.ts'
import { applyKernelStatus } from '../status.ts'
import { verifyDigests } from './verifyDigests.ts'

const config = JSON.stringify({ os: 'linux', architecture: 'amd64' })
const manifest = JSON.stringify({ config: { digest: sha256(config) } })
const genuine = sha256(manifest)
const forged = sha256('evil')
const hasImage: Script = ({ path }) => {
  if (path.includes('/blobs/')) return { body: config }
  return path.endsWith('/1') || path.endsWith(genuine)
    ? { body: manifest, headers: { 'docker-content-digest': genuine } }
    : undefined
}
const subject = { ref: testRef, uid: 'uid-1', kernel: testKernel }
const sign = { keySecret: { name: 's' }, certSecret: { name: 's' }, filesToSign: ['/opt/lib/a.ko'] }
const build = { dockerfileConfigMap: { name: 'd' } }
const configMaps = [{ namespace: testRef.namespace, name: 'd', dockerfile: 'FROM a' }]

/** A run of the test Module, whose image is in a scripted registry. */
async function world(
  script: Script,
  options: { stored?: KernelStatus; mapping?: object; pods?: (image: string) => PodFacts[] } = {},
) {
  const { host, asked } = await scriptedRegistry(script)
  const image = `${host}/a:1`
  const { stored, mapping, pods = () => [] } = options
  const status = stored === undefined ? {} : { status: { kernels: [{ ...stored, image }] } }
  const module = guardedModule(
    { mapping: { containerImage: image, registryTLS: { insecure: true }, ...mapping } },
    status,
  )
  const parsed = parseConfig(JSON.stringify({ registry: onThisMachine }))
  if (!parsed.ok) throw new Error(parsed.message)
  const before = testCluster({ modules: [module], configMaps })
  const { wish } = wantedImage(before, testRef, testKernel)
  const unsigned = wish.kind === 'wanted' ? (wish.unsigned?.image ?? '') : ''
  const cache = testCluster({ modules: [module], configMaps, pods: pods(unsigned === '' ? image : unsigned) })
  const written: unknown[] = []
  const applyObject = async (body: unknown) => {
    written.push(body)
    return { kind: 'written', object: { metadata: { resourceVersion: '2' } } }
  }
  const deps = {
    config: parsed.config,
    cache,
    observe: () => undefined,
    events: { record: async () => undefined },
    kube: { get: async () => undefined, applyObject },
  } as unknown as Dependencies
  const report = async (entry: Partial<KernelStatus>) => {
    const whole: KernelStatus = { kernel: testKernel, phase: 'Loading', image, ...entry }
    await new MockActivityEnvironment().run(async () => {
      await verifyDigests(deps, subject, whole)
      await applyKernelStatus(deps, subject, whole)
    })
    return written.length
  }
  const manifests = () => asked.filter((what) => what.includes('/manifests/1')).length
  return { deps, image, unsigned, report, manifests, written }
}
/** Status has announced the pod that has pushed. */
const announced = { kernel: testKernel, phase: 'Building', inputHash: 'h1', attempt: 2 } as const
const refused = { type: 'DigestNotVerified', nonRetryable: true }
const pushed = (digest: string) => (image: string) => [
  testBuildPod({
    annotations: { [annotations.kernel]: testKernel, [annotations.image]: image },
    state: { kind: 'succeeded', message: digest, finishedAt: '2026-01-01T00:00:00Z' },
  }),
]

test('a digest that the registry has under the reference is written, and asked for once', async () => {
  const { report, manifests } = await world(hasImage)
  expect(await report({ digest: genuine })).toBe(1)
  const first = manifests()
  for (let again = 0; again < 50; again++) await report({ digest: genuine })
  expect(manifests()).toBe(first)
})

test('one that it does not have is not written', async () => {
  const { report, written } = await world(hasImage)
  await expect(report({ digest: forged })).rejects.toMatchObject(refused)
  expect(written).toEqual([])
})

test('nor by what an activity says while it waits', async () => {
  const { deps, image } = await world(hasImage)
  const entry: KernelStatus = { kernel: testKernel, phase: 'Building', image, digest: forged, reason: 'x' }
  const apply = async () => await applyKernelStatus(deps, subject, entry)
  await expect(new MockActivityEnvironment().run(apply)).rejects.toMatchObject(refused)
})

test('one of an image that is not there is not', async () => {
  const { report } = await world(() => refusal(404, 'MANIFEST_UNKNOWN'))
  await expect(report({ digest: genuine })).rejects.toMatchObject(refused)
})

test('while the registry does not answer, it is tried again', async () => {
  const { report } = await world(() => refusal(503, 'UNAVAILABLE'))
  await expect(report({ digest: genuine })).rejects.toMatchObject({ nonRetryable: false })
})

test('what stands in status, or what a build pod of the Module has pushed, costs no request', async () => {
  const stored = { kernel: testKernel, phase: 'Loaded', digest: forged } as const
  const known = await world(hasImage, { stored })
  expect(await known.report({ digest: forged })).toBe(1)
  expect(known.manifests()).toBe(0)
  const built = await world(hasImage, { stored: announced, mapping: { build }, pods: pushed(forged) })
  expect(await built.report({ digest: forged })).toBe(1)
  expect(built.manifests()).toBe(0)
  const another = sha256('another')
  await expect(built.report({ digest: another })).rejects.toMatchObject(refused)
})

test('an image that is built to be signed is known from its build alone, not from who pushes under its tag', async () => {
  const hasAll: Script = ({ path }) =>
    path.includes('/blobs/')
      ? { body: config }
      : { body: manifest, headers: { 'docker-content-digest': genuine } }
  const { report, unsigned } = await world(hasAll, { mapping: { build, sign } })
  await expect(report({ unsigned: { image: unsigned, digest: genuine } })).rejects.toMatchObject(refused)
  const forgedPod = await world(hasAll, { mapping: { build, sign }, pods: pushed(forged) })
  const ofForged = { unsigned: { image: forgedPod.unsigned, digest: forged } }
  await expect(forgedPod.report(ofForged)).rejects.toMatchObject(refused)
  const built = await world(hasAll, { stored: announced, mapping: { build, sign }, pods: pushed(forged) })
  expect(await built.report({ unsigned: { image: built.unsigned, digest: forged } })).toBe(1)
})
