import { afterAll, expect, inject, test } from 'vitest'
import { moduleSchema, type KernelStatus, type Module } from '../api/module.ts'
import { apiVersion } from '../api/names.ts'
import { testCluster, testKernel, testNode } from '../api/testCluster.ts'
import { testModule } from '../api/testModule.ts'
import type { Dependencies } from './dependencies.ts'
import { createKube } from './kube/client.ts'
import { modules } from './kube/resources.ts'
import { createModuleActivities } from './moduleActivities.ts'
import { applyKernelStatus } from './status.ts'
import { rememberDigest } from './verifiedDigests.ts'

const kube = createKube(inject('kubeconfig'))
afterAll(async () => await kube.close())

const debian = 'Debian GNU/Linux 12 (bookworm)'
const digest = `sha256:${'1'.repeat(64)}`
const otherDigest = `sha256:${'2'.repeat(64)}`
const node = testNode({ osImage: 'Ubuntu 24.04.1 LTS' })
const ref = { namespace: 'default', name: `image-warnings-${process.pid}` }
const read = async () => moduleSchema.parse(await kube.get(modules, ref))

/** The activities over this Module as the API server has it now; nodes are simulated. */
function depsOf(module: Module): Dependencies {
  const configMaps = [{ namespace: ref.namespace, name: 'd', dockerfile: 'FROM x' }]
  const cluster = testCluster({ nodes: [node], modules: [module], configMaps })
  const cache = { ...cluster, caughtUp: async () => true }
  return { kube, cache } as unknown as Dependencies
}

/** Writes a kernel's entry and then the summary, as the runs do, and gives the conditions that are stored then. */
async function conditionsAfter(change: Partial<KernelStatus>) {
  const entry: KernelStatus = { kernel: testKernel, phase: 'Loaded', digest, ...change }
  const { image = '' } = entry
  rememberDigest({ image, digest: entry.digest ?? '' })
  const before = await read()
  const subject = { ref, uid: before.metadata.uid }
  await applyKernelStatus(depsOf(before), { ...subject, kernel: testKernel }, entry)
  await createModuleActivities(depsOf(await read())).summarizeModule({ subject, seen: {} })
  const { status } = await read()
  expect(status?.kernels).toEqual([entry])
  return (status?.conditions ?? []).map(({ type, status: is, reason }) => `${type} ${is} ${reason}`)
}

const build = { dockerfileConfigMap: { name: 'd' } }
const { spec } = testModule({ mapping: { build } })
await kube.create(modules, { apiVersion, kind: 'Module', metadata: ref, spec })

test('images:KMI-7 Better: where an image was built is stored, and the warning comes and goes with it', async () => {
  const builtOn = { node: 'builder', kernel: '6.1.0', osImage: debian, architecture: 'amd64' }
  const differs = 'BuildNodeDiffers True DistributionDiffers'
  expect(await conditionsAfter({ builtOn })).toContain(differs)
  expect(await conditionsAfter({ builtOn: { node: 'gone' } })).toContain(
    'BuildNodeDiffers Unknown BuildNodeGone',
  )
  const like = { ...builtOn, osImage: 'Ubuntu 24.04.3 LTS' }
  expect(await conditionsAfter({ builtOn: like })).toContain('BuildNodeDiffers False SameDistribution')
  // An image of another kind takes its place.
  expect((await conditionsAfter({ digest: otherDigest })).join()).not.toContain('BuildNodeDiffers')
})

test('images:MIC-11 Better: what an image was built from is stored, and the warning comes and goes with it', async () => {
  const change = { image: `reg.example/fpga:${testKernel}`, sourceHash: 'of another Dockerfile' }
  expect(await conditionsAfter(change)).toContain('ImageOutdated True InputsDiffer')
  // An image that says nothing takes its place.
  expect((await conditionsAfter({ digest: otherDigest })).join()).not.toContain('ImageOutdated')
})
