import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, test } from 'vitest'
import { claimName } from '../../api/claim.ts'
import { parseConfig } from '../../api/config.ts'
import type { ImageWish } from '../../api/kernelView.ts'
import type { Module } from '../../api/module.ts'
import { guardedModule, testCluster, testKernel, testNode, testRef } from '../../api/testCluster.ts'
import { wantedImage } from '../../api/imageWish.ts'
import type { BuildStart } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import {
  onThisMachine,
  refusal,
  type Script,
  scriptedRegistry,
  sha256,
} from '../registry/testing/scriptedRegistry.ts'
import { createBuildPod } from './createBuildPod.ts'

const build = { dockerfileConfigMap: { name: 'd' } }
const sign = { keySecret: { name: 's' }, certSecret: { name: 's' }, filesToSign: ['/opt/lib/a.ko'] }
const configMaps = ['d', 'e'].map((name) => ({
  namespace: testRef.namespace,
  name,
  dockerfile: `FROM ${name}`,
}))
const hash = 'a'.repeat(64)

const config = JSON.stringify({ os: 'linux', architecture: 'amd64' })
const manifest = JSON.stringify({ config: { digest: sha256(config) } })
/** A registry (scripted) that has every image. */
const hasAll: Script = ({ path }) =>
  path.includes('/blobs/')
    ? { body: config }
    : { body: manifest, headers: { 'docker-content-digest': sha256(manifest) } }
const hasNone: Script = () => refusal(404, 'MANIFEST_UNKNOWN')

type Wanted = Extract<ImageWish, { kind: 'wanted' }>

/**
 * Has a pod made for the image of a Module. The cluster is simulated: it takes everything. Resolves with what came of
 * it, the kinds of objects that were made, and the paths that the registry was asked for.
 */
async function make(
  script: Script,
  mapping: object,
  {
    others = () => [],
    unsigned = '',
    of,
  }: {
    others?: (image: string) => Module[]
    /** Digest in status of the image that is to be signed. */
    unsigned?: string
    of: (wish: Wanted) => object
  },
): Promise<{ start: BuildStart; made: string[]; asked: string[] }> {
  const { host, asked } = await scriptedRegistry(script)
  const containerImage = `${host}/a:1`
  const module = guardedModule({ mapping: { containerImage, registryTLS: { insecure: true }, ...mapping } })
  const parsed = parseConfig(JSON.stringify({ registry: onThisMachine }))
  if (!parsed.ok) throw new Error(parsed.message)
  const before = testCluster({ modules: [module], nodes: [testNode()], configMaps })
  const { wish } = wantedImage(before, testRef, testKernel)
  if (wish.kind !== 'wanted') throw new Error(wish.kind)
  const entry = { kernel: testKernel, phase: 'Signing' as const, image: containerImage }
  const known = { ...entry, unsigned: { image: wish.unsigned?.image ?? '', digest: unsigned } }
  const own = unsigned === '' ? module : { ...module, status: { kernels: [known] } }
  const modules = [own, ...others(containerImage)]
  const cluster = testCluster({ modules, nodes: [testNode()], configMaps })
  const asking = of(wish) as { image: string; inputHash: string; source?: string }
  const made: string[] = []
  const metadata = { name: claimName(asking.image), resourceVersion: '5', uid: 'u', annotations: {} }
  const deps = {
    config: parsed.config,
    cluster: 'c',
    namespace: 'kmm',
    workerImage: 'kmm:1',
    observe: () => undefined,
    events: { record: async () => undefined },
    cache: { ...cluster, waitForPod: async () => undefined },
    kube: {
      get: async ({ kind }: { kind: string }, { name }: { name: string }) =>
        kind === 'Secret'
          ? { metadata: { name, uid: 'u', resourceVersion: '1' }, data: { key: 'eA==', cert: 'eA==' } }
          : undefined,
      async applyObject({ status }: { status: { kernels: [{ mayPush?: boolean }] } }) {
        made.push(`status: mayPush ${status.kernels[0].mayPush}`)
        return { kind: 'written', object: { metadata: { resourceVersion: '6' } } }
      },
      list: async () => ({ items: [{ metadata }] }),
      async create({ kind }: { kind: string }, body: { metadata: object }) {
        made.push(kind)
        return {
          kind: 'created',
          object: { ...body, metadata: { ...body.metadata, uid: 'p', resourceVersion: '7' } },
        }
      },
    },
  } as unknown as Dependencies
  const subject = { ref: testRef, uid: 'uid-1', kernel: testKernel }
  const request = { subject, seen: {}, attempt: 1, entry: undefined, ...asking }
  const run = async (): Promise<BuildStart> => await createBuildPod(deps, request)
  const start = (await new MockActivityEnvironment().run(run)) as BuildStart
  return { start, made, asked: asked.filter((what) => what.includes('/manifests/')) }
}

/** Another Module that has built the same image from another Dockerfile. */
const rival = (image: string): Module[] => {
  const other = guardedModule(
    { mapping: { containerImage: image, build: { dockerfileConfigMap: { name: 'e' } } } },
    {
      status: {
        kernels: [{ kernel: testKernel, phase: 'Loaded', image, digest: `sha256:${hash}`, inputHash: 'e' }],
      },
    },
  )
  return [{ ...other, metadata: { ...other.metadata, name: 'other', uid: 'uid-2' } }]
}

const wanted = ({ image, build: made }: Wanted) => ({
  image,
  inputHash: made.kind === 'ready' ? made.inputHash : '',
})
const toSign = ({ unsigned }: Wanted) => ({
  image: unsigned?.image ?? '',
  inputHash: unsigned?.build.kind === 'ready' ? unsigned.build.inputHash : '',
})

describe('before a pod is made, the registry is asked once more', () => {
  test('images:BLD-S10 what somebody has built meanwhile is taken', async () => {
    const { start, made } = await make(hasAll, { build }, { of: wanted })
    expect(start).toMatchObject({ kind: 'present', architectures: ['amd64'] })
    expect(made).toEqual(['Lease'])
  })
  test('but not what was built from other inputs: the run is to say so', async () => {
    const { start } = await make(hasAll, { build }, { others: rival, of: wanted })
    expect(start).toMatchObject({ kind: 'obsolete' })
  })
  test('what is to be signed is built, whoever has put something under its tag', async () => {
    const { start, made, asked } = await make(hasAll, { build, sign }, { of: toSign })
    expect(start).toMatchObject({
      kind: 'created',
      pod: { name: expect.stringMatching(/^fpga-build-/) as unknown },
    })
    expect([made, asked]).toEqual([['Lease', 'Pod'], []])
  })
  test('what the registry has lost is not signed', async () => {
    const of = (wish: Wanted) => ({ ...wanted(wish), source: `${toSign(wish).image}@${sha256(manifest)}` })
    const { start, made } = await make(hasNone, { build, sign }, { of, unsigned: sha256(manifest) })
    expect(start).toEqual({ kind: 'sourceGone' })
    expect(made).toEqual(['Lease'])
  })
  test('what is there is signed', async () => {
    const asks: Script = (request) =>
      request.path.includes(sha256(manifest)) || request.path.includes('/blobs/')
        ? hasAll(request)
        : hasNone(request)
    const of = (wish: Wanted) => ({ ...wanted(wish), source: `${toSign(wish).image}@${sha256(manifest)}` })
    const { start, made } = await make(asks, { build, sign }, { of, unsigned: sha256(manifest) })
    expect(start).toMatchObject({
      kind: 'created',
      pod: { name: expect.stringMatching(/^fpga-sign-/) as unknown },
    })
    expect(made).toEqual(['Lease', 'Pod'])
  })
})

describe('a pod that the Module does not ask for is not made, whatever a workflow says', () => {
  const digest = sha256(manifest)
  const signs = (wish: Wanted) => ({ ...wanted(wish), source: `${toSign(wish).image}@${digest}` })
  test.each<[string, object, (wish: Wanted) => object]>([
    ['another image', { build }, (wish) => ({ ...wanted(wish), image: 'evil.example/a:1' })],
    ['another hash', { build }, (wish) => ({ ...wanted(wish), inputHash: 'x' })],
    ['no attempt', { build }, (wish) => ({ ...wanted(wish), attempt: 0 })],
    ['attempts without end', { build }, (wish) => ({ ...wanted(wish), attempt: Infinity })],
    ['a build that signs', { build }, (wish) => ({ ...wanted(wish), source: `evil@${digest}` })],
    ['a signature of nothing', { build, sign }, wanted],
    [
      'a signature of another image',
      { build, sign },
      (wish) => ({ ...signs(wish), source: `evil@${digest}` }),
    ],
    [
      'a signature of another digest',
      { build, sign },
      (wish) => ({ ...signs(wish), source: `${toSign(wish).image}@${sha256('evil')}` }),
    ],
  ])('%s', async (_name, mapping, of) => {
    const { start, made } = await make(hasNone, mapping, { of, unsigned: digest })
    expect(start).toMatchObject({ kind: 'obsolete' })
    expect(made).toEqual([])
  })
})

describe('before the pod is there, status says whether the Module may push', () => {
  const of = (wish: Wanted) => ({
    ...wanted(wish),
    entry: { kernel: testKernel, phase: 'Building', image: wish.image },
  })
  test('it has begun an upload, which was cancelled', async () => {
    const uploads: string[] = []
    const takes: Script = (request) => {
      if (!request.path.includes('/uploads/')) return hasNone(request)
      uploads.push(request.method)
      const headers = { location: `${request.path}id` }
      return request.method === 'POST' ? { status: 202, headers } : { status: 204 }
    }
    const { start, made } = await make(takes, { build }, { of })
    expect(start).toMatchObject({ kind: 'created', mayPush: true, seen: { Module: '6', Pod: '7' } })
    expect(made).toEqual(['Lease', 'status: mayPush true', 'Pod'])
    expect(uploads).toEqual(['POST', 'DELETE'])
  })
  test('the registry refuses: the pod is made all the same, and nothing is written', async () => {
    const { start, made } = await make(hasNone, { build }, { of })
    expect(start).toMatchObject({ kind: 'created', mayPush: false })
    expect(made).toEqual(['Lease', 'Pod'])
  })
})
