import { describe, expect, test } from 'vitest'
import { wantedImage } from '../../api/imageWish.ts'
import {
  testBuildPod,
  testCluster,
  testConfig,
  testKernel,
  testNode,
  testRecord,
  testRef,
  type TestCluster,
} from '../../api/testCluster.ts'
import {
  ask,
  at,
  build,
  building,
  type Cause,
  digest,
  held,
  image,
  module,
  testCauses,
} from './testing/whyTest.ts'

const sign = { keySecret: { name: 'k' }, certSecret: { name: 'c' }, filesToSign: ['/opt/lib/a.ko'] }

describe('the first thing that fails of a kernel and its image', () => {
  testCauses([
    [
      'a kernel without mapping',
      at({ phase: 'NoNodes', reason: 'NoMapping' }, { regexp: '^5' }),
      { check: 'kernel mapping', reason: 'NoMapping', says: /kernel 6.1.0-1-amd64; there are: \^5/ },
    ],
    [
      'a mapping that breaks a rule',
      at({}, { regexp: '(' }),
      { check: 'kernel mapping', reason: 'RegexpInvalid' },
    ],
    [
      'an unknown variable',
      at({}, { containerImage: 'reg.example/a:$NOPE' }),
      { check: 'template', reason: 'TemplateInvalid', says: /unknown variable NOPE/ },
    ],
    [
      'an image that is no reference',
      at({}, { containerImage: 'reg.example/A B:1' }),
      { check: 'image', reason: 'ImageReferenceInvalid' },
    ],
    [
      'nodes of two architectures',
      { ...at({}), nodes: [testNode(), testNode({ name: 'n2', uid: 'n2', architecture: 'arm64' })] },
      { check: 'architecture', reason: 'MixedArchitectures', says: /amd64, arm64/ },
    ],
    [
      'an image for other architectures',
      at({ phase: 'WaitingForImage', reason: 'ArchitectureMissing', message: 'only arm64' }),
      { check: 'architecture', reason: 'ArchitectureMissing' },
    ],
    ...['RegistryUnreachable', 'RegistryUnauthorized', 'RegistryRateLimited'].map((reason): Cause => [
      `the registry: ${reason}`,
      at({ phase: 'CheckingImage', reason, message: 'it says no' }),
      { check: 'registry', reason, says: /it says no/ },
    ]),
    [
      'an image that is not there, and nothing builds it',
      at({ phase: 'WaitingForImage', reason: 'ImageMissing', message: 'does not exist' }, {}),
      { check: 'registry', reason: 'ImageMissing', helps: /^crane digest reg.example\/fpga/ },
    ],
    [
      'a node that tries the pull for the operator',
      at({ phase: 'CheckingImage', reason: 'ImageBeingPulled', message: 'node n1 pulls' }),
      { check: 'registry', reason: 'ImageBeingPulled', verdict: 'waits' },
    ],
    [
      'nobody has asked yet',
      { modules: [module] },
      { check: 'registry', reason: 'Pending', verdict: 'waits' },
    ],
    [
      'another Module builds the image',
      at(building('ImageClaimed', 'is being built for Module a/b')),
      { check: 'claim', reason: 'ImageClaimed', says: /a\/b/, verdict: 'waits' },
    ],
    [
      'another Module has built it from other inputs',
      at({ phase: 'InputInvalid', reason: 'ImageContested', message: 'one reference cannot be both' }),
      { check: 'claim', reason: 'ImageContested', helps: /retry fpga/ },
    ],
    [
      'no ConfigMap with the Dockerfile',
      { ...at({ phase: 'InputInvalid' }), configMaps: [] },
      { check: 'Dockerfile', reason: 'DockerfileConfigMapMissing', helps: /create configmap dockerfile/ },
    ],
    [
      'a ConfigMap without the key',
      { ...at({ phase: 'InputInvalid' }), configMaps: [{ namespace: 'drivers', name: 'dockerfile' }] },
      { check: 'Dockerfile', reason: 'DockerfileKeyMissing' },
    ],
    [
      'a Secret that does not exist',
      at(building(''), { build: { ...build, secrets: [{ name: 'token' }] } }),
      {
        check: 'secrets',
        reason: 'SecretMissing',
        says: /Secret drivers\/token does not exist/,
        helps: /create secret generic token /,
      },
      { secrets: new Map([['token', false]]) },
    ],
    [
      'a Secret that cannot be used',
      at(
        building(
          'SecretKeyMissing',
          'imageRepoSecret: Secret drivers/login has no key .dockerconfigjson; make it.',
        ),
      ),
      { check: 'secrets', reason: 'SecretKeyMissing', helps: /describe secret login$/ },
    ],
    [
      'no node can take the build pod',
      at(building('Unschedulable', '0/3 nodes are available')),
      { check: 'build', reason: 'Unschedulable', helps: /describe pod fpga-build-1/ },
    ],
    [
      'the executor cannot be pulled',
      at(building('ImagePullBackOff', 'Back-off pulling image kaniko')),
      { check: 'build', reason: 'ImagePullBackOff' },
    ],
    [
      'a quota refuses the build pod',
      at(building('PodRefusedByQuota', 'exceeded quota: q')),
      { check: 'build', reason: 'PodRefusedByQuota', helps: /describe resourcequota$/ },
    ],
    [
      'a build that waits for its turn',
      at(building('BuildQueued', '1 build is before it')),
      { check: 'build', reason: 'BuildQueued', verdict: 'waits' },
    ],
    [
      'a build that the cluster ended goes on by itself',
      at(building('Evicted', 'low on memory')),
      { check: 'build', reason: 'Evicted', verdict: 'waits' },
    ],
    [
      'a build that runs',
      { ...at({ phase: 'Building', buildPod: 'fpga-build-1' }), pods: [testBuildPod()] },
      { check: 'build', reason: 'Building', helps: /logs fpga/, verdict: 'waits' },
    ],
    [
      'a build that failed, with its error lines',
      {
        ...at(held('CompileFailed')),
        pods: [testBuildPod({ state: { kind: 'failed', message: '', finishedAt: '' } })],
      },
      { check: 'build', reason: 'CompileFailed', helps: /retry fpga -n drivers --kernel 6.1.0-1-amd64/ },
    ],
    ['a build that was refused the push', at(held('PushRefused')), { check: 'build', reason: 'PushRefused' }],
    [
      'a build that was cancelled',
      at({ phase: 'Cancelled', reason: 'Cancelled' }),
      { check: 'build', reason: 'Cancelled', helps: /retry fpga/ },
    ],
  ])
})

describe('what is built needs nothing more', () => {
  const loadedEntry = { phase: 'Loaded', digest } as const
  const config = testConfig({ containerImage: `${image}@${digest}` })
  const records = [testRecord(config, { config, bootId: 'b1' })]
  const loaded = (mapping: object): TestCluster => ({ ...at(loadedEntry, mapping), records })
  test('a Secret of the build that is gone', () => {
    const report = ask(loaded({ build: { ...build, secrets: [{ name: 'token' }] } }), {
      secrets: new Map([['token', false]]),
    })
    expect(report).toMatchObject({ verdict: 'loaded' })
  })
  test('a Secret for pulls that is gone is told, and fails nothing that is loaded', () => {
    const things = loaded({})
    const [module] = things.modules ?? []
    const spec = { ...module!.spec, imageRepoSecret: { name: 'login' } }
    const report = ask(
      { ...things, modules: [{ ...module!, spec }] },
      { secrets: new Map([['login', false]]) },
    )
    expect(report.verdict).toBe('loaded')
    const line = report.sections.flatMap(({ findings }) => findings).find(({ check }) => check === 'secrets')
    expect(line).toMatchObject({ state: 'unknown', says: expect.stringContaining('login does not exist') })
  })
  test.each([
    [
      'that was there',
      {},
      { state: 'unknown', says: expect.stringContaining('signed if whoever made it') as unknown },
    ],
    ['that was signed', { signHash: 'f'.repeat(64) }, { state: 'ok', says: 'the image is signed' }],
  ])('whether an image %s is signed', (_which, entry, finding) => {
    const { sections } = ask(at({ phase: 'Loaded', digest, ...entry }, { build, sign }))
    const line = sections.flatMap(({ findings }) => findings).find(({ check }) => check === 'sign')
    expect(line).toMatchObject(finding)
  })
})

describe('signing', () => {
  const signing = { phase: 'Signing', buildPod: 'fpga-sign-1' } as const
  const unsigned = wantedUnsigned()
  testCauses([
    [
      'its pod runs',
      at({ ...signing, unsigned }, { build, sign }),
      { check: 'sign', reason: 'Signing', verdict: 'waits' },
    ],
    [
      'it failed',
      at(
        { ...signing, phase: 'SignFailed', unsigned, reason: 'SignKeyMismatch', message: 'another key' },
        { build, sign },
      ),
      { check: 'sign', reason: 'SignKeyMismatch', says: /another key/, helps: /kubectl kmod retry fpga/ },
    ],
    [
      'its key is not there',
      at(
        {
          ...signing,
          unsigned,
          reason: 'SecretMissing',
          message: 'sign.keySecret: Secret drivers/k does not exist.',
        },
        { build, sign },
      ),
      { check: 'secrets', reason: 'SecretMissing', helps: /create secret generic k --from-file=key=/ },
    ],
    [
      'the build before it failed',
      at(held('CompileFailed'), { build, sign }),
      { check: 'build', reason: 'CompileFailed' },
    ],
    [
      'the image to sign is no reference',
      at({ phase: 'InputInvalid' }, { sign: { ...sign, unsignedImage: 'A B' } }),
      { check: 'sign', reason: 'UnsignedImageInvalid', helps: /edit module/ },
    ],
    [
      'the image to sign is missing',
      at(
        { phase: 'WaitingForImage', reason: 'ImageMissing', message: 'no u:1' },
        { sign: { ...sign, unsignedImage: 'u:1' } },
      ),
      { check: 'registry', reason: 'ImageMissing', helps: /crane digest u:1/ },
    ],
  ])
})

/** What is built for the test Module before it is signed, verified. */
function wantedUnsigned() {
  const { wish } = wantedImage(testCluster(at({}, { build, sign })), testRef, testKernel)
  const unsigned = wish.kind === 'wanted' ? wish.unsigned?.image : undefined
  return { image: unsigned ?? '', digest }
}
