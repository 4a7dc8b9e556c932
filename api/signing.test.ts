import { describe, expect, test } from 'vitest'
import { buildInputHash, signHash, signInputHash, sourceHash, unsignedImageOf } from './buildInputs.ts'
import { parseImageReference } from './imageReference.ts'
import { wantedImage } from './imageWish.ts'
import { resolveMapping } from './mapping.ts'
import { signedFolder } from './signCommand.ts'
import { guardedModule, testBuildPod, testCluster, testKernel, testNode, testRef } from './testCluster.ts'
import { annotations, labels } from './names.ts'
import { viewRebuild } from './rebuild.ts'
import { inputHashes } from './viewBuildPods.ts'
import { viewKernel } from './viewKernel.ts'

const folder = `/opt/lib/modules/${testKernel}`
const sign = { keySecret: { name: 'k' }, certSecret: { name: 'c' }, filesToSign: [`${folder}/*.ko`] }
const build = { dockerfileConfigMap: { name: 'df' } }
const configMaps = [{ namespace: testRef.namespace, name: 'df', dockerfile: 'FROM scratch' }]
const image = `reg.example/fpga:${testKernel}`

const wanted = (mapping: Readonly<Record<string, unknown>>, things = {}) =>
  wantedImage(
    testCluster({ modules: [guardedModule({ mapping })], configMaps, ...things }),
    testRef,
    testKernel,
  )
const wishOf = (mapping: Readonly<Record<string, unknown>>) => {
  const { wish } = wanted(mapping)
  if (wish.kind !== 'wanted') throw new Error(wish.kind)
  return wish
}
const mappingOf = (change: Readonly<Record<string, unknown>> = {}) => {
  const resolved = resolveMapping(guardedModule({ mapping: { build, sign, ...change } }), testKernel)
  if (resolved.kind !== 'mapped') throw new Error(resolved.kind)
  return resolved.mapping
}

describe('how an image that is signed is made', () => {
  test('images:SGN-7 Better: it is built beside the wanted one, in a tag that its inputs have alone', () => {
    const { build: signs, unsigned } = wishOf({ build, sign })
    const hash = unsigned?.build.kind === 'ready' ? unsigned.build.inputHash : ''
    expect(unsigned?.image).toBe(`reg.example/fpga:kmm-unsigned-${hash}`)
    expect(signs).toMatchObject({ kind: 'ready', inputHash: expect.not.stringMatching(hash) as unknown })
    expect(inputHashes(wishOf({ build, sign }))).toEqual([(signs as { inputHash: string }).inputHash, hash])
  })
  test('without a build, the image that the Module names is signed', () => {
    const unsignedImage = 'reg.example/vendor:$KERNEL_FULL_VERSION'
    const { build: signs, unsigned } = wishOf({ sign: { ...sign, unsignedImage } })
    expect(unsigned).toEqual({ image: `reg.example/vendor:${testKernel}`, build: { kind: 'none' } })
    expect(signs.kind).toBe('ready')
  })
  test('images:SGN-7 with a build, that image is ignored', () => {
    const { unsigned } = wishOf({ build, sign: { ...sign, unsignedImage: 'reg.example/vendor:1' } })
    expect(unsigned?.image).toContain(':kmm-unsigned-')
  })
  test.each<[string, Readonly<Record<string, unknown>>, object, object]>([
    [
      'an image to sign that is no reference',
      { sign: { ...sign, unsignedImage: 'A B' } },
      {},
      { reason: 'UnsignedImageInvalid', field: 'sign.unsignedImage' },
    ],
    [
      'files all over the image',
      {},
      {
        modules: [
          guardedModule({
            mapping: { build, sign: { ...sign, filesToSign: ['/a.ko'] } },
            container: { modprobe: { moduleName: 'fpga', dirName: '/' } },
          }),
        ],
      },
      { reason: 'FilesToSignInvalid', field: 'sign.filesToSign' },
    ],
    [
      'a Dockerfile that is not there',
      { build, sign },
      { configMaps: [] },
      { reason: 'DockerfileConfigMapMissing' },
    ],
    [
      'nodes of two architectures',
      { sign: { ...sign, unsignedImage: 'reg.example/vendor:1' } },
      { nodes: [testNode(), testNode({ name: 'n2', uid: 'n2', architecture: 'arm64' })] },
      { reason: 'MixedArchitectures' },
    ],
  ])('%s is said, and stops only what is needed', (_what, mapping, things, fault) => {
    const { wish } = wanted(mapping, things)
    expect(wish).toMatchObject({ kind: 'wanted', image, build: { kind: 'invalid', ...fault } })
    expect(wish).not.toHaveProperty('unsigned')
  })
  test('a pod that signs is told from one that builds', () => {
    const { wish } = wanted({ build, sign })
    const [inputHash = ''] = inputHashes(wish)
    const annotated = { [annotations.kernel]: testKernel, [annotations.unsignedImage]: 'r/u@sha256:1' }
    const pod = testBuildPod({
      annotations: annotated,
      labels: {
        [labels.resourceType]: 'SignImage',
        [labels.inputHash]: inputHash,
        [labels.attempt]: '1',
      },
    })
    const entry = { kernel: testKernel, phase: 'Signing', inputHash, attempt: 1 } as const
    const cluster = testCluster({
      modules: [guardedModule({ mapping: { build, sign } }, { status: { kernels: [entry] } })],
      configMaps,
      pods: [pod],
    })
    const { pods } = viewKernel(cluster, testRef, testKernel, { gcDelayMs: 0, maxParallel: 1 }).view
    expect(pods).toMatchObject([{ name: pod.name, source: 'r/u@sha256:1', inputHash }])
  })
})

describe('the hashes of an image that is signed', () => {
  const of = { unsigned: 'r/u:1', kernel: testKernel, architecture: 'amd64' }
  const inputs = (change = {}) => ({
    mapping: mappingOf(change),
    ref: testRef,
    kernel: testKernel,
    architecture: 'amd64',
    dockerfile: 'FROM scratch',
  })
  const other = { ...sign, keySecret: { name: 'k2' } }

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['another tag', { containerImage: 'reg.example/fpga:2' }],
    ['another key', { sign: other }],
    ['other files', { sign: { ...sign, filesToSign: [`${folder}/a.ko`] } }],
  ])('users R11: %s is signed anew, and not built', (_what, change) => {
    expect(buildInputHash(inputs(change))).toBe(buildInputHash(inputs()))
    expect(signInputHash(mappingOf(change), of)).not.toBe(signInputHash(mappingOf(), of))
    expect(sourceHash(inputs(change))).toBe(sourceHash(inputs()))
  })
  test('another repository, and no signing at all, are another build', () => {
    const hash = buildInputHash(inputs())
    expect(buildInputHash(inputs({ containerImage: 'reg.example/other:1' }))).not.toBe(hash)
    expect(buildInputHash(inputs({ sign: undefined }))).not.toBe(hash)
  })
  test('what is signed, and how registries are spoken to, count for the signing', () => {
    const hash = signInputHash(mappingOf(), of)
    const insecure = { insecure: true }
    expect(signInputHash(mappingOf(), { ...of, unsigned: 'r/u:2' })).not.toBe(hash)
    expect(signInputHash(mappingOf({ registryTLS: insecure }), of)).not.toBe(hash)
    expect(signInputHash(mappingOf({ sign: { ...sign, unsignedImageRegistryTLS: insecure } }), of)).not.toBe(
      hash,
    )
  })
  test('the label of an image tells files and Secrets by name, in any order', () => {
    const files = [`${folder}/a.ko`, `${folder}/b.ko`]
    const hashOf = (filesToSign: string[]) => signHash({ sign: { ...sign, filesToSign } })
    expect(hashOf(files)).toBe(hashOf(files.toReversed()))
    expect(hashOf(files)).not.toBe(hashOf(files.slice(1)))
    expect(signHash({ sign: other })).not.toBe(signHash({ sign }))
  })
  test.each(['reg.example:5000/a/b:1', 'reg.example/a@sha256:' + 'a'.repeat(64), 'fpga:1'])(
    'the image to sign of %s is a reference',
    (text) => {
      const { registry, repository, tag } = parseImageReference(unsignedImageOf(text, 'f'.repeat(40)))
      expect({ registry, repository }).toEqual({
        registry: parseImageReference(text).registry,
        repository: parseImageReference(text).repository,
      })
      expect(tag).toBe(`kmm-unsigned-${'f'.repeat(40)}`)
    },
  )
})

describe('signedFolder', () => {
  test.each<[string[], string | undefined]>([
    [['/opt/lib/modules/6.1/a.ko'], '/opt/lib/modules/6.1'],
    [['/opt/lib/modules/6.1/*.ko', '/opt/lib/modules/6.1/extra/b.ko'], '/opt/lib/modules/6.1'],
    [['/opt/lib/modules/*/a.ko', '/opt/lib/modules/6.1/b.ko'], '/opt/lib/modules'],
    [['/opt/a/x.ko', '/opt/ab/x.ko'], '/opt'],
    [['/bin/getconf'], '/bin'],
    [['/a.ko'], undefined],
    [['/opt/a.ko', '/usr/b.ko'], undefined],
    [['/[ab]/a.ko'], undefined],
    [[], undefined],
  ])('%j: %s', (files, expected) => {
    expect(signedFolder(files)).toBe(expected)
  })
})

describe('images:MIC-10 Better: a rebuild of an image that is signed', () => {
  const wish = wishOf({ build, sign })
  const [signs = '', builds = ''] = inputHashes(wish)
  const at = (attempt: number, inputHash: string, state: 'active' | 'failed' = 'active') => ({
    name: 'p',
    uid: 'p',
    image,
    inputHash,
    attempt,
    state,
  })
  const stored = (rebuildFrom: number) => ({
    kernel: testKernel,
    phase: 'Loaded' as const,
    inputHash: signs,
    attempt: 1,
    unsigned: { image: 'r/u', digest: 'd', rebuildFrom },
  })
  test('begins anew after every attempt of both, and after the rebuild before it', () => {
    expect(viewRebuild(true, wish, undefined, [at(3, builds, 'failed')])).toMatchObject({ rebuildFrom: 4 })
    expect(viewRebuild(true, wish, stored(2), [])).toMatchObject({ rebuildFrom: 3 })
  })
  test('is the build that is under way, and not what is being signed', () => {
    expect(viewRebuild(true, wish, undefined, [at(2, builds)])).toMatchObject({ rebuildFrom: 2 })
    expect(viewRebuild(true, wish, undefined, [at(2, signs)])).toMatchObject({ rebuildFrom: 3 })
  })
})
