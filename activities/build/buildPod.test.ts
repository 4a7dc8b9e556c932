import { describe, expect, test } from 'vitest'
import { parseConfig, type OperatorConfig } from '../../api/config.ts'
import { builtInTolerations } from '../../api/eligibility.ts'
import { resolveMapping } from '../../api/mapping.ts'
import { testModule } from '../../api/testModule.ts'
import { buildPod } from './buildPod.ts'
import { executorImage } from './executor.ts'

const kernel = '6.1.0-1+rt'
const defaults = parseConfig('')
if (!defaults.ok) throw new Error(defaults.message)
const settings = defaults.config.build
const image = 'reg.example:5000/fpga:6.1.0-1_rt'

function pod(
  change: {
    build?: object
    mapping?: Readonly<Record<string, unknown>>
    spec?: Readonly<Record<string, unknown>>
    settings?: Partial<OperatorConfig['build']>
  } = {},
) {
  const build = { dockerfileConfigMap: { name: 'fpga-dockerfile' }, ...change.build }
  const module = testModule({
    mapping: { containerImage: 'reg.example:5000/fpga:$KERNEL_FULL_VERSION', build, ...change.mapping },
    ...(change.spec === undefined ? {} : { spec: change.spec }),
  })
  const resolved = resolveMapping(module, kernel)
  if (resolved.kind !== 'mapped') throw new Error('the test Module has no mapping')
  return buildPod({
    module,
    mapping: resolved.mapping,
    kernel,
    architecture: 'arm64',
    inputHash: 'abcdef0123456789',
    attempt: 3,
    nodes: [],
    cluster: 'c1',
    build: { ...settings, ...change.settings },
  })
}
const container = (change?: Parameters<typeof pod>[0]) => pod(change).spec.containers[0]!
const args = (change?: Parameters<typeof pod>[0]) => container(change).args ?? []

test('images:4.2 the whole argument list, in order', () => {
  const build = {
    buildArgs: [
      { name: 'REV', value: '42' },
      { name: 'MOD_NAME', value: 'mine' },
    ],
  }
  expect(args({ build })).toEqual([
    '--destination',
    image,
    '--digest-file=/dev/termination-log',
    '--log-format=text',
    '--push-retry=3',
    '--image-download-retry=3',
    '--image-fs-extract-retry=3',
    '--label',
    'kmm.sigs.x-k8s.io/module=drivers/fpga',
    '--label',
    `kmm.sigs.x-k8s.io/kernel=${kernel}`,
    '--label',
    'kmm.sigs.x-k8s.io/input-hash=abcdef0123456789',
    '--label',
    'kmm.sigs.x-k8s.io/cluster=c1',
    '--label',
    'kmm.sigs.x-k8s.io/build-node=$(KMM_BUILD_NODE)',
    '--build-arg',
    'REV=42',
    '--build-arg',
    'MOD_NAME=fpga',
    '--build-arg',
    `KERNEL_FULL_VERSION=${kernel}`,
    '--build-arg',
    `KERNEL_VERSION=${kernel}`,
    '--build-arg',
    'MOD_NAMESPACE=drivers',
  ])
})

test('images:KMI-7 Better: Kubernetes puts the name of the build node into its label', () => {
  expect(container().env).toEqual([
    { name: 'KMM_BUILD_NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
  ])
})

test('Kubernetes leaves a $ of a user alone', () => {
  const value = '$(KMM_BUILD_NODE) $$ ${HOME} $'
  expect(args({ build: { buildArgs: [{ name: 'A', value }] } })).toContain(
    'A=$$(KMM_BUILD_NODE) $$$$ $${HOME} $$',
  )
})

test.each<[string, Parameters<typeof pod>[0], string[]]>([
  ['no switch without an option', {}, []],
  ['push without TLS', { mapping: { registryTLS: { insecure: true } } }, ['--insecure']],
  [
    'push without verification',
    { mapping: { registryTLS: { insecureSkipTLSVerify: true } } },
    ['--skip-tls-verify'],
  ],
  ['pull without TLS', { build: { baseImageRegistryTLS: { insecure: true } } }, ['--insecure-pull']],
  [
    'pull without verification',
    { build: { baseImageRegistryTLS: { insecureSkipTLSVerify: true } } },
    ['--skip-tls-verify-pull'],
  ],
  [
    'false is no switch',
    {
      mapping: { registryTLS: { insecure: false, insecureSkipTLSVerify: false } },
      build: { baseImageRegistryTLS: { insecure: false, insecureSkipTLSVerify: false } },
    },
    [],
  ],
])('images:BLD-5, BLD-6 %s', (_name, change, expected) => {
  expect(args(change).filter((arg) => /insecure|skip-tls/.test(arg))).toEqual(expected)
})

test('retries come from the configuration', () => {
  const change = { settings: { pushRetry: 7, downloadRetry: 8 } }
  const flags = ['--push-retry=7', '--image-download-retry=8', '--image-fs-extract-retry=8']
  expect(args(change)).toEqual(expect.arrayContaining(flags))
})

describe('volumes and mounts', () => {
  /** Mount path -> the volume behind it. */
  const mounts = (change?: Parameters<typeof pod>[0]) => {
    const { spec } = pod(change)
    const volumes = new Map(spec.volumes?.map((volume) => [volume.name, volume]))
    expect(volumes.size).toBe(spec.volumes?.length)
    const found = spec.containers[0]!.volumeMounts ?? []
    expect(new Set(found.map((m) => m.mountPath)).size).toBe(found.length)
    expect(found.every((mount) => mount.readOnly)).toBe(true)
    return Object.fromEntries(
      found.map(({ mountPath, name }) => {
        const { name: _name, ...source } = volumes.get(name)!
        return [mountPath, source]
      }),
    )
  }
  const base = {
    '/workspace': {
      configMap: { name: 'fpga-dockerfile', items: [{ key: 'dockerfile', path: 'Dockerfile' }] },
    },
    '/host/lib/modules': { hostPath: { path: '/lib/modules', type: 'Directory' } },
  }
  const secret = (secretName: string) => ({ secret: { secretName } })
  const auth = (secretName: string) => ({
    secret: { secretName, items: [{ key: '.dockerconfigjson', path: 'config.json' }] },
  })

  test('the Dockerfile and the modules of the node', () => {
    expect(mounts()).toEqual(base)
  })
  test('secrets under /run/secrets/<name>, each once', () => {
    const build = { secrets: [{ name: 'a' }, { name: 'b' }, { name: 'a' }] }
    expect(mounts({ build })).toEqual({
      ...base,
      '/run/secrets/a': secret('a'),
      '/run/secrets/b': secret('b'),
    })
  })
  test('images:BLD-8 names that are no DNS labels', () => {
    const names = ['my.dotted.secret', 'x'.repeat(200)]
    const build = { secrets: names.map((name) => ({ name })) }
    expect(mounts({ build })).toMatchObject(
      Object.fromEntries(names.map((name) => [`/run/secrets/${name}`, secret(name)])),
    )
    for (const { name } of pod({ build }).spec.volumes ?? []) expect(name).toMatch(/^[a-z0-9-]{1,63}$/)
  })
  test('images:BLD-8 credentials that are a build secret as well', () => {
    const change = { build: { secrets: [{ name: 'auth' }] }, spec: { imageRepoSecret: { name: 'auth' } } }
    expect(mounts(change)).toEqual({
      ...base,
      '/run/secrets/auth': secret('auth'),
      '/kaniko/.docker': auth('auth'),
    })
  })
})

describe('the pod', () => {
  test('is found by its labels and owned by the Module', () => {
    expect(pod()).toMatchObject({
      metadata: {
        name: 'fpga-build-abcdef01-3',
        namespace: 'drivers',
        labels: {
          'app.kubernetes.io/name': 'kmm',
          'app.kubernetes.io/component': 'BuildImage',
          'app.kubernetes.io/part-of': 'kmm',
          'kmm.node.kubernetes.io/module.name': 'fpga',
          'kmm.node.kubernetes.io/resource-type': 'BuildImage',
          'kmm.node.kubernetes.io/target-kernel': expect.stringMatching(/^6-1-0-1-rt-[0-9a-f]{8}$/),
          'kmm.sigs.x-k8s.io/module-uid': 'uid-1',
          'kmm.sigs.x-k8s.io/input-hash': 'abcdef0123456789',
          'kmm.sigs.x-k8s.io/attempt': '3',
        },
        annotations: { 'kmm.sigs.x-k8s.io/kernel': kernel, 'kmm.sigs.x-k8s.io/image': image },
        ownerReferences: [
          {
            apiVersion: 'kmm.sigs.x-k8s.io/v1beta1',
            kind: 'Module',
            name: 'fpga',
            uid: 'uid-1',
            controller: true,
          },
        ],
      },
    })
    expect(pod().metadata).not.toHaveProperty('finalizers')
  })
  test('runs once, without a token, and keeps its log out of its status', () => {
    expect(pod().spec).toMatchObject({
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      tolerations: builtInTolerations,
    })
    expect(container()).toMatchObject({
      name: 'kaniko',
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
    })
  })
  test('tolerates what the Module tolerates', () => {
    const own = { key: 'gpu', operator: 'Exists' }
    expect(pod({ spec: { tolerations: [own] } }).spec.tolerations).toEqual([own, ...builtInTolerations])
  })
  test("runs where the operator's configuration says", () => {
    expect(pod({ settings: { nodeSelector: { builds: 'yes' } } }).spec.nodeSelector).toEqual({
      builds: 'yes',
    })
  })
  test('takes deadline, resources, pull secret and environment from the configuration', () => {
    const more = {
      deadlineSeconds: 60,
      resources: { limits: { memory: '4Gi' } },
      pullSecret: 'pull',
      env: [{ name: 'HTTPS_PROXY', value: 'http://proxy' }],
    }
    const made = pod({ settings: more })
    expect(made.spec).toMatchObject({ activeDeadlineSeconds: 60, imagePullSecrets: [{ name: 'pull' }] })
    expect(made.spec.containers[0]).toMatchObject({ resources: more.resources, env: [{}, ...more.env] })
    expect(pod().spec).not.toHaveProperty('activeDeadlineSeconds')
    expect(pod().spec).not.toHaveProperty('imagePullSecrets')
  })
  test('needs a build section', () => {
    expect(() => pod({ mapping: { build: undefined } })).toThrow('build section')
  })
})

test.each([
  ['gcr.io/kaniko/executor:v1', undefined, 'gcr.io/kaniko/executor:v1'],
  ['gcr.io/kaniko/executor:v1', '', 'gcr.io/kaniko/executor:v1'],
  ['gcr.io/kaniko/executor:v1', 'debug', 'gcr.io/kaniko/executor:debug'],
  ['gcr.io/kaniko/executor', 'debug', 'gcr.io/kaniko/executor:debug'],
  ['reg.example:5000/executor:v1', 'debug', 'reg.example:5000/executor:debug'],
  ['reg.example:5000/executor', 'debug', 'reg.example:5000/executor:debug'],
  ['reg.example:5000/executor:v1@sha256:aa', 'debug', 'reg.example:5000/executor:debug'],
  ['reg.example/executor@sha256:aa', 'debug', 'reg.example/executor:debug'],
])('images:BLD-3 kanikoParams.tag: %s with %s is %s', (from, tag, expected) => {
  expect(executorImage(from, tag)).toBe(expected)
})

test('kanikoParams.tag is used', () => {
  const build = { kanikoParams: { tag: 'debug' } }
  expect(container({ build, settings: { image: 'reg.example:5000/executor:v1' } }).image).toBe(
    'reg.example:5000/executor:debug',
  )
})
