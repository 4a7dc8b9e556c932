import { MockActivityEnvironment } from '@temporalio/testing'
import { expect, test, vi } from 'vitest'
import { parseConfig } from '../../api/config.ts'
import { imageLabels } from '../../api/names.ts'
import { guardedModule, testCluster, testKernel, testNode, testRef } from '../../api/testCluster.ts'
import type { Dependencies } from '../dependencies.ts'
import type { ModuleEvent } from '../events/moduleEvent.ts'
import {
  onThisMachine,
  refusal,
  type Script,
  scriptedRegistry,
  sha256,
} from '../registry/testing/scriptedRegistry.ts'
import { checkImage, watchHold } from './checkImage.ts'

const field = 'spec.moduleLoader.container.kernelMappings[0].containerImage'

/** A registry (scripted) that has one image, for an architecture, with labels. */
function has(architecture: string, labels: object = {}): Script {
  const config = JSON.stringify({ os: 'linux', architecture, config: { Labels: labels } })
  const manifest = JSON.stringify({ config: { digest: sha256(config) } })
  return ({ path }) =>
    path.includes('/blobs/')
      ? { body: config }
      : { body: manifest, headers: { 'docker-content-digest': sha256(manifest) } }
}

/** Asks for the image of a Module from the registry; `pulled`: what the kubelet says of a pull (simulated). */
async function world(script: Script, options: { registry?: object; pulled?: object } = {}) {
  const { host, asked } = await scriptedRegistry(script)
  const image = `${host}/a:1`
  const mapping = { containerImage: image, registryTLS: { insecure: true } }
  const parsed = parseConfig(JSON.stringify({ registry: { ...onThisMachine, ...options.registry } }))
  if (!parsed.ok) throw new Error(parsed.message)
  const did: string[] = []
  const told: ModuleEvent[] = []
  const pod = (body: { metadata: object; spec: object }) => ({
    ...body,
    metadata: { ...body.metadata, uid: 'pull-1' },
    status: options.pulled,
  })
  let made: ReturnType<typeof pod> | undefined
  const applyObject = vi.fn(async (_body: { status: { kernels: object[] } }) => ({
    kind: 'written',
    object: { metadata: { resourceVersion: '2' } },
  }))
  const deps = {
    config: parsed.config,
    cluster: 'east',
    observe: (_subject: object, event: ModuleEvent) => void told.push(event),
    events: { record: async () => undefined },
    cache: {
      ...testCluster({ modules: [guardedModule({ mapping })], nodes: [testNode()] }),
      waitForPod: async () => undefined,
    },
    kube: {
      applyObject,
      get: async ({ kind }: { kind: string }) => (kind === 'Pod' ? made : undefined),
      async create(_resource: object, body: { metadata: { name: string }; spec: object }) {
        did.push(`create ${body.metadata.name.replace(/[0-9a-f]{8}$/, 'HASH')}`)
        made = pod(body)
        return { kind: 'created', object: made }
      },
      delete: async () => void did.push('delete'),
    },
  } as unknown as Dependencies
  const subject = { ref: testRef, uid: 'uid-1', kernel: testKernel }
  const entry = { kernel: testKernel, phase: 'CheckingImage' } as const
  const environment = new MockActivityEnvironment()
  const about = { subject, seen: {} }
  return {
    asked,
    did,
    told,
    said: () => applyObject.mock.calls.map(([body]) => body.status.kernels[0]),
    check: async () => await environment.run(async () => await checkImage(deps, { ...about, image, entry })),
    look: async (hold: { made?: string[]; rebuild?: true; secrets?: Record<string, string> } = {}) =>
      await environment.run(async () => await watchHold(deps, { ...about, image, pod: undefined, ...hold })),
  }
}

test('what status keeps: digest, architectures, what it was built from, and where in this cluster', async () => {
  const built = { [imageLabels.cluster]: 'east', [imageLabels.buildNode]: 'n1' }
  const sourceHash = 'a1'.repeat(32)
  const labels = { ...built, [imageLabels.sourceHash]: sourceHash }
  const { check } = await world(has('amd64', labels))
  expect(await check()).toMatchObject({
    kind: 'present',
    digest: expect.stringMatching(/^sha256:/),
    architectures: ['amd64'],
    builtOn: { node: 'n1', osImage: 'Linux' },
    sourceHash,
  })
  const other = await world(has('amd64', { ...labels, [imageLabels.cluster]: 'west' }))
  expect(await other.check()).not.toHaveProperty('builtOn')
  expect(await (await world(has('amd64'))).check()).not.toHaveProperty('sourceHash')
})

test.each(['Node 1', 'n1\u001b[2J', 'n'.repeat(254), '-'])(
  'of an image that anybody may have made, a node that can be none is not kept (%#)',
  async (node) => {
    const labels = { [imageLabels.cluster]: 'east', [imageLabels.buildNode]: node }
    const { check } = await world(has('amd64', labels))
    expect(await check()).not.toHaveProperty('builtOn')
  },
)

test.each(['abc', 'A1'.repeat(32), `${'a1'.repeat(32)}0`, 'x'.repeat(100_000)])(
  'of an image that anybody may have made, a label that is no hash is not kept (%#)',
  async (text) => {
    const { check } = await world(has('amd64', { [imageLabels.sourceHash]: text }))
    expect(await check()).not.toHaveProperty('sourceHash')
  },
)

test('who was asked and what came of it is told, be it an answer or none', async () => {
  const { check, told } = await world(has('amd64'))
  await check()
  const seconds = expect.any(Number) as number
  expect(told).toEqual([
    { kind: 'ImageAsked', image: expect.stringMatching(/a:1$/), by: 'registry', result: 'present', seconds },
  ])
  const closed = await world(({ path }) => (path === '/v2/' ? {} : refusal(403, 'DENIED')))
  await expect(closed.check()).rejects.toThrow()
  expect(closed.told).toMatchObject([
    { kind: 'ImageAsked', by: 'registry', result: 'unauthorised' },
    { kind: 'Waits', reason: 'RegistryUnauthorized' },
  ])
})

test.each([
  ['a login', refusal(401, 'UNAUTHORIZED'), 'RegistryUnauthorized', /in spec\.imageRepoSecret.*create it/],
  ['nobody', refusal(403, 'DENIED'), 'RegistryUnauthorized', /403.*create it/],
  ['more time', { status: 503 }, 'RegistryUnreachable', /503/],
])(
  'a registry that wants %s is waited for, and that is said with the field',
  async (_, answer, reason, says) => {
    const { check, said, did } = await world(({ path }) => (path === '/v2/' ? {} : answer))
    await expect(check()).rejects.toMatchObject({ type: reason })
    expect(said()).toMatchObject([{ reason, message: expect.stringMatching(says) }])
    expect(said()).toMatchObject([{ message: expect.stringContaining(`${field}: registry`) }])
    expect(did).toEqual([])
  },
)

test('a registry that limits the rate is asked again when it says', async () => {
  const limit = refusal(429, 'TOOMANYREQUESTS', { 'retry-after': '90' })
  const { check } = await world(({ path }) => (path === '/v2/' ? {} : limit))
  await expect(check()).rejects.toMatchObject({ type: 'RegistryRateLimited', nextRetryDelay: 90_000 })
})

test('images:MIC-10: a look at a rebuild that is held asks no registry: that the image is there is no news', async () => {
  const { look, asked } = await world(has('amd64'))
  await expect(look({ rebuild: true })).rejects.toMatchObject({ type: 'StillHeld' })
  expect(asked).toEqual([])
})

test('a look at a hold never comes sooner than a registry wants it', async () => {
  const limit = refusal(429, 'TOOMANYREQUESTS', { 'retry-after': '900' })
  const { look } = await world(({ path }) => (path === '/v2/' ? {} : limit))
  await expect(look()).rejects.toMatchObject({ type: 'StillHeld', nextRetryDelay: 900_000 })
})

test('authorities that went bad after the start are named, and nothing is asked', async () => {
  const { check, asked, said } = await world(has('amd64'), { registry: { caFile: '/no.pem' } })
  await expect(check()).rejects.toMatchObject({ type: 'RegistryUnreachable' })
  expect(said()).toMatchObject([{ message: expect.stringContaining('registry.caFile: /no.pem') }])
  expect(asked).toEqual([])
})

test('the hold of a failed build is looked at soon, also without its pod: who mends a Secret does so soon', async () => {
  const { look } = await world(() => refusal(404, 'MANIFEST_UNKNOWN'))
  const secrets = { token: 'uid-1/7' }
  await expect(look({ secrets })).rejects.toMatchObject({ type: 'StillHeld', nextRetryDelay: 15_000 })
  await expect(look()).rejects.toMatchObject({ nextRetryDelay: 300_000 })
})

test('a hold on an image for other nodes ends by another image, not by the same', async () => {
  const fits = await world(has('amd64'))
  expect(await fits.look({ made: ['arm64'] })).toMatchObject({
    kind: 'imagePresent',
    architectures: ['amd64'],
  })
  const other = await world(has('arm64'))
  expect(await other.look()).toMatchObject({ kind: 'imagePresent', architectures: ['arm64'] })
  expect(await other.look({ made: ['s390x'] })).toMatchObject({
    kind: 'imagePresent',
    architectures: ['arm64'],
  })
  await expect(other.look({ made: ['arm64'] })).rejects.toMatchObject({
    type: 'StillHeld',
    nextRetryDelay: 300_000,
  })
})

const closed: Script = ({ path }) => (path === '/v2/' ? {} : refusal(401, 'UNAUTHORIZED'))
const waiting = (message: string) => ({
  containerStatuses: [{ state: { waiting: { reason: 'ErrImagePull', message } } }],
})

test.each([
  ['it is absent', waiting('manifest unknown'), { kind: 'absent' }, ['create fpga-pull-HASH', 'delete']],
  [
    'it refuses, too',
    waiting('401 Unauthorized'),
    'RegistryUnauthorized',
    ['create fpga-pull-HASH', 'delete'],
  ],
  [
    'it is for others',
    waiting('no match for platform'),
    'ArchitectureMissing',
    ['create fpga-pull-HASH', 'delete'],
  ],
  ['it is not there yet', {}, 'ImageBeingPulled', ['create fpga-pull-HASH']],
])(
  'a node asked in place of a registry says that %s (simulated kubelet)',
  async (_, pulled, expected, did) => {
    const registry = { nodePullCheck: true }
    const asked = await world(closed, { registry, pulled })
    if (typeof expected === 'string') await expect(asked.check()).rejects.toMatchObject({ type: expected })
    else expect(await asked.check()).toEqual(expected)
    expect(asked.did).toEqual(did)
  },
)

test('no node is asked where the registry answers', async () => {
  const registry = { nodePullCheck: true }
  const absent = await world(() => refusal(404, 'MANIFEST_UNKNOWN'), { registry })
  expect(await absent.check()).toEqual({ kind: 'absent' })
  const limited = await world(({ path }) => (path === '/v2/' ? {} : { status: 429 }), { registry })
  await expect(limited.check()).rejects.toMatchObject({ type: 'RegistryRateLimited' })
  expect([...absent.did, ...limited.did]).toEqual([])
})
