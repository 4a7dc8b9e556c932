import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../api/config.ts'
import type { PodState } from '../../api/facts.ts'
import { resolveMapping } from '../../api/mapping.ts'
import { testNode } from '../../api/testCluster.ts'
import { testModule } from '../../api/testModule.ts'
import { signFailure } from './signFailure.ts'
import { signPod, type SignPodInput } from './signPod.ts'

const kernel = '6.1.0-1+rt'
const folder = '/opt/lib/modules/6.1.0-1_rt'
const digest = `sha256:${'1'.repeat(64)}`
const source = `reg.example:5000/fpga:kmm-unsigned-1@${digest}`
const sign = {
  keySecret: { name: 'key' },
  certSecret: { name: 'cert' },
  filesToSign: ['/opt/lib/modules/$KERNEL_FULL_VERSION/fpga_?.ko'],
}
const build = { dockerfileConfigMap: { name: 'd' }, selector: { gpu: 'no' } }

function pod(mapping: object = {}, change: Partial<SignPodInput> = {}, spec: object = {}) {
  const config = parseConfig('')
  const containerImage = 'reg.example:5000/fpga:1'
  const module = testModule({ mapping: { containerImage, build, sign, ...mapping }, spec: { ...spec } })
  const resolved = resolveMapping(module, kernel)
  if (!config.ok || resolved.kind !== 'mapped') throw new Error('no mapping')
  return signPod({
    module,
    mapping: resolved.mapping,
    image: resolved.mapping.image,
    source,
    signerImage: 'kmm:1',
    pullSecrets: [],
    kernel,
    architecture: 'arm64',
    inputHash: 'abcdef0123456789',
    attempt: 2,
    nodes: [],
    cluster: 'c1',
    secretVersions: { key: 'u/1', cert: 'u/2' },
    loginSecret: resolved.mapping.imageRepoSecret?.name,
    build: config.config.build,
    ...change,
  })
}

describe('images:SGN-1 to SGN-3 the pod that signs', () => {
  test('has the name, labels and annotations of its work', () => {
    const { metadata } = pod()
    expect(metadata).toMatchObject({
      name: 'fpga-sign-abcdef01-2',
      labels: {
        'kmm.node.kubernetes.io/resource-type': 'SignImage',
        'app.kubernetes.io/component': 'SignImage',
        'kmm.sigs.x-k8s.io/attempt': '2',
      },
      annotations: {
        'kmm.sigs.x-k8s.io/kernel': kernel,
        'kmm.sigs.x-k8s.io/image': 'reg.example:5000/fpga:1',
        'kmm.sigs.x-k8s.io/secret-versions': '{"key":"u/1","cert":"u/2"}',
      },
      ownerReferences: [{ kind: 'Module', uid: 'uid-1' }],
    })
    expect(JSON.parse(metadata.annotations['kmm.sigs.x-k8s.io/sign-command'] ?? '')).toEqual({
      source,
      folder,
      files: [`${folder}/fpga_?.ko`],
    })
  })

  test('has no more rights and no more disk than it needs', () => {
    const { spec } = pod()
    const seccompProfile = { type: 'RuntimeDefault' }
    expect(spec.securityContext).toEqual({ seccompProfile })
    for (const { securityContext } of [...(spec.initContainers ?? []), ...spec.containers])
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      })
    const emptyDirs = (spec.volumes ?? []).flatMap(({ emptyDir }) => emptyDir ?? [])
    expect(emptyDirs).toEqual([{ sizeLimit: '50Gi' }, { sizeLimit: '50Gi' }])
  })

  test('copies with the image’s own cp, signs, and pushes: no shell, the key for the signer alone', () => {
    const { spec } = pod()
    const [extractor, signer] = spec.initContainers ?? []
    const [executor] = spec.containers
    expect(extractor).toMatchObject({ image: source, command: ['cp', '-Rf', `${folder}/.`, '/kmm/image'] })
    expect(signer).toMatchObject({
      image: 'kmm:1',
      args: ['signer'],
      securityContext: { capabilities: { drop: ['ALL'] } },
    })
    const mounts = (container: typeof executor) =>
      Object.fromEntries(
        (container?.volumeMounts ?? []).map(({ name, mountPath, readOnly }) => [
          name,
          [mountPath, readOnly ?? false],
        ]),
      )
    expect(mounts(extractor)).toEqual({ image: ['/kmm/image', false] })
    expect(mounts(signer)).toEqual({
      image: ['/kmm/image', true],
      command: ['/etc/kmm-signer', true],
      'sign-key': ['/run/secrets/key', true],
      'sign-cert': ['/run/secrets/cert', true],
      context: ['/workspace', false],
    })
    expect(mounts(executor)).toEqual({ context: ['/workspace', true] })
    expect(spec.volumes).toContainEqual({
      name: 'sign-key',
      secret: { secretName: 'key', items: [{ key: 'key', path: 'key.pem' }] },
    })
    expect(executor?.args).toEqual([
      '--destination',
      'reg.example:5000/fpga:1',
      '--digest-file=/dev/termination-log',
      '--log-format=text',
      '--push-retry=3',
      '--image-download-retry=3',
      '--image-fs-extract-retry=3',
      '--label',
      expect.stringMatching(/^kmm.sigs.x-k8s.io\/sign-hash=[0-9a-f]{64}$/),
    ])
  })

  test('runs where builds may, else on its architecture; nodes of the kernel are no better', () => {
    const node = testNode({ kernel, architecture: 'arm64' })
    const nodes = [{ node, target: true }]
    expect(pod({}, { nodes }).spec.nodeSelector).toEqual({ gpu: 'no' })
    const { spec } = pod({ build: undefined, sign: { ...sign, unsignedImage: 'a.example/u:1' } }, { nodes })
    expect(spec.nodeSelector).toEqual({ 'kubernetes.io/arch': 'arm64' })
    expect(spec.affinity?.nodeAffinity).not.toHaveProperty('preferredDuringSchedulingIgnoredDuringExecution')
  })

  test('images:SGN-3 Better: one Secret may hold both', () => {
    const { spec } = pod({ sign: { ...sign, certSecret: { name: 'key' } } })
    const names = spec.volumes?.map(({ name }) => name) ?? []
    expect(new Set(names).size).toBe(names.length)
  })

  test.each<[string, object, string, string[]]>([
    [
      'what was built here: as the image',
      { registryTLS: { insecure: true } },
      source,
      ['--insecure', '--insecure-pull'],
    ],
    [
      'images:SGN-2 another image: as it says',
      {
        build: undefined,
        sign: {
          ...sign,
          unsignedImage: 'other.example/u:1',
          unsignedImageRegistryTLS: { insecureSkipTLSVerify: true },
        },
      },
      `other.example/u:1@${digest}`,
      ['--skip-tls-verify-registry', 'other.example'],
    ],
  ])('the registry of %s', (_what, mapping, from, flags) => {
    const args = pod(mapping, { source: from }).spec.containers[0]?.args ?? []
    expect(args.filter((arg) => flags.includes(arg))).toEqual(flags)
  })

  test('nodes pull with the login of the Module', () => {
    const { spec } = pod({}, { build: { ...defaultBuild(), pullSecret: 'p' }, pullSecrets: ['login', 'p'] })
    expect(spec.imagePullSecrets).toEqual([{ name: 'p' }, { name: 'login' }])
  })
})

function defaultBuild() {
  const config = parseConfig('')
  if (!config.ok) throw new Error(config.message)
  return config.config.build
}

test.each<
  [string, Partial<Extract<PodState, { kind: 'failed' }>>, { reason: string; message?: string } | undefined]
>([
  [
    'the signer says why',
    { container: 'signer', message: '{"reason":"SignKeyInvalid","message":"no key"}' },
    { reason: 'SignKeyInvalid', message: 'no key' },
  ],
  ['the signer was killed', { container: 'signer', reason: 'OOMKilled' }, { reason: 'OutOfMemory' }],
  ['the signer says something else', { container: 'signer', message: 'boom' }, { reason: 'SignFailed' }],
  [
    'the image has no cp',
    { container: 'image-extractor', message: 'exec: "cp": executable file not found in $PATH' },
    { reason: 'CpMissing' },
  ],
  [
    'the image has no such folder',
    { container: 'image-extractor', message: "cp: can't stat '/opt': No such file or directory" },
    { reason: 'FilesToSignMissing' },
  ],
  [
    'cp fails otherwise',
    { container: 'image-extractor', message: 'cp: disk full' },
    { reason: 'ExtractFailed' },
  ],
  ['the executor failed', { container: 'kaniko', message: 'x' }, undefined],
])('%s', (_what, state, expected) => {
  const failure = signFailure({ kind: 'failed', exitCode: 1, message: '', finishedAt: '', ...state })
  if (expected === undefined) expect(failure).toBeUndefined()
  else expect(failure).toMatchObject(expected)
})
