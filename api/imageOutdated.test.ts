import { expect, test } from 'vitest'
import { signHash, sourceHash } from './buildInputs.ts'
import { imageOutdatedCondition } from './imageOutdated.ts'
import { resolveMapping } from './mapping.ts'
import type { KernelStatus } from './module.ts'
import {
  cordoned,
  guardedModule,
  testCluster,
  testKernel,
  testNode,
  testRef,
  type TestCluster,
} from './testCluster.ts'

const dockerfile = 'FROM base'
const sign = { keySecret: { name: 'k' }, certSecret: { name: 'c' }, filesToSign: ['/opt/lib/a.ko'] }
const image = `reg.example/fpga:${testKernel}`
const other = '6.9.0-other'

interface Story {
  readonly build?: Readonly<Record<string, unknown>> | null
  readonly mapping?: Readonly<Record<string, unknown>>
  readonly entry?: Partial<KernelStatus>
  readonly more?: readonly KernelStatus[]
  readonly things?: TestCluster
}

const moduleWith = ({ build = {}, mapping = {} }: Story, kernels: KernelStatus[] = []) =>
  guardedModule(
    {
      mapping: {
        ...(build === null ? {} : { build: { dockerfileConfigMap: { name: 'd' }, ...build } }),
        ...mapping,
      },
    },
    { status: { kernels } },
  )

/** The hash of an image that the plain Module had built for a kernel from a Dockerfile. */
function hashOf(kernel: string, text = dockerfile): string {
  const resolved = resolveMapping(moduleWith({}), kernel)
  if (resolved.kind !== 'mapped') throw new Error(resolved.kind)
  const { mapping } = resolved
  return sourceHash({ mapping, ref: testRef, kernel, architecture: 'amd64', dockerfile: text })
}

/** What is said of a Module whose image was built from `dockerfile` without arguments. */
function conditionOf(story: Story) {
  const entry: KernelStatus = {
    kernel: testKernel,
    phase: 'Loaded',
    image,
    digest: 'sha256:1',
    sourceHash: hashOf(testKernel),
    ...story.entry,
  }
  const module = moduleWith(story, [entry, ...(story.more ?? [])])
  const configMaps = [{ namespace: testRef.namespace, name: 'd', dockerfile }]
  return imageOutdatedCondition(testCluster({ modules: [module], configMaps, ...story.things }), module)
}

const edited = { configMaps: [{ namespace: testRef.namespace, name: 'd', dockerfile: 'FROM other' }] }

test.each<[string, Story]>([
  ['it was built from these', {}],
  ['it has no such label', { things: edited, entry: { sourceHash: undefined } }],
  ['it is not verified', { things: edited, entry: { digest: undefined } }],
  ['another image is wanted by now', { things: edited, entry: { image: 'reg.example/fpga:old' } }],
  ['it is not built any more', { build: null, entry: { sourceHash: 'x' } }],
  ['the Dockerfile is gone', { things: { configMaps: [] }, entry: { sourceHash: 'x' } }],
  ['no node has the kernel', { things: { ...edited, nodes: [] } }],
  ['only how registries are spoken to has changed', { mapping: { registryTLS: { insecure: true } } }],
  ['only the executor has changed', { build: { kanikoParams: { tag: 'debug' } } }],
])('images:MIC-11 nothing is said: %s', (_name, story) => {
  expect(conditionOf(story)).toBeUndefined()
})

test.each<[string, Story]>([
  ['another Dockerfile', { things: edited }],
  ['another argument', { build: { buildArgs: [{ name: 'REV', value: '2' }] } }],
  ['another Secret', { build: { secrets: [{ name: 's' }] } }],
  ['built for another kernel', { entry: { sourceHash: hashOf(other) } }],
  ['its node is cordoned', { things: { ...edited, nodes: [testNode({ taints: [cordoned] })] } }],
])('images:MIC-11 Better: %s is a warning', (_name, story) => {
  expect(conditionOf(story)).toMatchObject({ type: 'ImageOutdated', status: 'True', reason: 'InputsDiffer' })
})

test('names image, kernels and ways out', () => {
  const image9 = `reg.example/fpga:${other}`
  const more = {
    kernel: other,
    phase: 'Loaded',
    image: image9,
    digest: 'sha256:2',
    sourceHash: hashOf(other),
  }
  const nodes = [testNode(), testNode({ name: 'n2', kernel: other })]
  const said = conditionOf({ things: { ...edited, nodes }, more: [more as KernelStatus] })
  expect(said?.message).toBe(
    `Kernel ${testKernel}: image ${image} was built from other inputs (Dockerfile, build.buildArgs, build.secrets, ` +
      `kernel) than the Module has now. It stays in use. So it is for ${other}. To have one made as the ` +
      'Module says, give containerImage another tag, or build it again under this one: kubectl -n drivers annotate module fpga ' +
      'kmm.sigs.x-k8s.io/rebuild=all. A changed imageRebuildTriggerGeneration does not build an image that exists.',
  )
})

test.each<[string, Story, string | undefined]>([
  ['images:MIC-6 a build that was not to be signed', { mapping: { sign } }, 'SigningDiffers'],
  ['one that is signed so', { mapping: { sign }, entry: { signHash: signHash({ sign }) } }, undefined],
  [
    'one that is signed with another key',
    { mapping: { sign: { ...sign, keySecret: { name: 'k2' } } }, entry: { signHash: signHash({ sign }) } },
    'SigningDiffers',
  ],
  ['one that is not to be signed any more', { entry: { signHash: signHash({ sign }) } }, undefined],
  ['one of which nothing is known', { mapping: { sign }, entry: { sourceHash: undefined } }, undefined],
])('signing: %s', (_what, story, reason) => {
  expect(conditionOf(story)?.reason).toBe(reason)
})
