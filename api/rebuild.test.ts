import { describe, expect, test } from 'vitest'
import { buildInputHash } from './buildInputs.ts'
import type { PodFacts } from './facts.ts'
import { resolveMapping } from './mapping.ts'
import type { KernelStatus, Module } from './module.ts'
import { annotations, labels } from './names.ts'
import {
  guardedModule,
  testBuildPod,
  testCluster,
  testKernel,
  testRef,
  type TestCluster,
} from './testCluster.ts'
import { viewKernel } from './viewKernel.ts'
import { viewModule } from './viewModule.ts'

const image = `reg.example/fpga:${testKernel}`
const digest = `sha256:${'1'.repeat(64)}`
const loaded: KernelStatus = { kernel: testKernel, phase: 'Loaded', image, digest }
const dockerfile = 'FROM x'
const configMaps = [{ namespace: testRef.namespace, name: 'd', dockerfile }]
const build = { dockerfileConfigMap: { name: 'd' } }
const settings = { gcDelayMs: 0, maxParallel: 1 }

interface Story {
  readonly which?: string
  readonly entry?: Partial<KernelStatus>
  readonly mapping?: Readonly<Record<string, unknown>>
  readonly spec?: Readonly<Record<string, unknown>>
  readonly things?: TestCluster
  readonly other?: Module
}

function seen({ which = 'all', entry = {}, mapping = { build }, spec = {}, things = {}, other }: Story) {
  const status = { kernels: [{ ...loaded, ...entry }] }
  const module = guardedModule({ mapping, spec }, { status })
  const metadata = { ...module.metadata, annotations: { [annotations.rebuild]: which } }
  const modules = [{ ...module, metadata }, ...(other === undefined ? [] : [other])]
  const cluster = testCluster({ modules, configMaps, ...things })
  const { view: seenByKernel } = viewKernel(cluster, testRef, testKernel, settings)
  const { rebuildAsked, rebuildFrom } = seenByKernel
  const { view, refusedRebuilds } = viewModule(cluster, testRef, '')
  const refused = refusedRebuilds.map(({ kernel, why }) => `${kernel}: ${why}`)
  return { digest: seenByKernel.digest, rebuildAsked, rebuildFrom, takenOff: view.rebuild, refused }
}

const inputHash = (() => {
  const resolved = resolveMapping(guardedModule({ mapping: { build } }), testKernel)
  if (resolved.kind !== 'mapped') throw new Error(resolved.kind)
  const { mapping } = resolved
  const inputs = { mapping, ref: testRef, kernel: testKernel, architecture: 'amd64', dockerfile }
  return buildInputHash(inputs).slice(0, 40)
})()
const podOf = (attempt: number, state: PodFacts['state']): PodFacts => {
  const its = { [labels.resourceType]: 'BuildImage', [labels.inputHash]: inputHash }
  return testBuildPod({ labels: { ...its, [labels.attempt]: String(attempt) }, state })
}
const finishedAt = '2026-01-01T00:00:00Z'

describe('images:MIC-10 Better: a rebuild', () => {
  test.each<[string, Story, number]>([
    ['of an image that was found: the first attempt', {}, 1],
    ['of one that was built: the next', { entry: { inputHash, attempt: 3 } }, 4],
    ['for the kernel by its name', { which: testKernel }, 1],
    [
      'while a good pod waits to be collected: not that one',
      {
        entry: { inputHash, attempt: 2 },
        things: { pods: [podOf(2, { kind: 'succeeded', message: '', finishedAt })] },
      },
      3,
    ],
    [
      'while it is being built: that build',
      {
        entry: { digest: undefined, inputHash, attempt: 2 },
        things: { pods: [podOf(2, { kind: 'running' })] },
      },
      2,
    ],
    [
      'of the next image, when one of another was taken up',
      { entry: { image: 'old', rebuild: { from: 7 } } },
      1,
    ],
  ])('%s is to be taken up, and the annotation waits for that', (_name, story, from) => {
    const wanted = { digest: undefined, rebuildAsked: true, rebuildFrom: from, takenOff: undefined }
    expect(seen(story)).toMatchObject({ ...wanted, refused: [] })
  })

  test('that is taken up goes on, and the annotation is taken off', () => {
    const taken = { digest: undefined, rebuild: { from: 4 }, inputHash, attempt: 4 }
    const pods = [podOf(4, { kind: 'running' })]
    expect(seen({ entry: taken, things: { pods } })).toMatchObject({ rebuildFrom: 4, takenOff: 'all' })
  })

  test('that is over is not begun again while the annotation stands', () => {
    const story = { entry: { rebuild: { from: 4, done: true } } }
    expect(seen(story)).toMatchObject({ digest, rebuildFrom: undefined, takenOff: 'all' })
  })

  const others = guardedModule(
    { mapping: { containerImage: image, build } },
    { status: { kernels: [{ ...loaded, kernel: 'x', inputHash: 'other' }] } },
  )
  test.each<[string, Story, string]>([
    [
      'without build',
      { mapping: {} },
      'its mapping has no build section. Add build to the mapping, or push the image and change spec.imageRebuildTriggerGeneration.',
    ],
    [
      'without a Dockerfile',
      { things: { configMaps: [] } },
      'build.dockerfileConfigMap: ConfigMap drivers/d does not exist. Mend build.dockerfileConfigMap, then ask again.',
    ],
    [
      'of an image that another Module builds from other inputs',
      { other: { ...others, metadata: { ...others.metadata, name: 'other' } } },
      `image ${image} is built for Module drivers/other (kernel x) too, from other inputs. Give one of them another containerImage, or make their build sections and Dockerfiles the same, then ask again.`,
    ],
  ])('%s is refused: the image stays, and the annotation is taken off', (_name, story, why) => {
    const refused = [`${testKernel}: ${why}`]
    const stays = { digest, rebuildAsked: undefined, rebuildFrom: undefined }
    expect(seen(story)).toMatchObject({ ...stays, takenOff: 'all', refused })
  })

  test('for a kernel that no node has is refused; with all it is passed over', () => {
    expect(seen({ which: '5.10' })).toMatchObject({
      digest,
      takenOff: '5.10',
      refused: ['5.10: no image is wanted for it. Name a kernel of status.kernels, or "all".'],
    })
    expect(seen({ things: { nodes: [] } })).toMatchObject({ takenOff: 'all', refused: [] })
  })

  test('is given up with another imageRebuildTriggerGeneration', () => {
    const story = { which: 'other', entry: { digest: undefined, rebuild: { from: 2 } } }
    expect(seen(story)).toMatchObject({ rebuildFrom: 2 })
    const spec = { imageRebuildTriggerGeneration: 1 }
    expect(seen({ ...story, spec })).toMatchObject({ rebuildFrom: undefined })
  })
})
