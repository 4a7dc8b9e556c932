import { expect, test } from 'vitest'
import { executorImage } from './executor.ts'
import { type PodChange, testContainer, testPod, testPodImage as image, testPodKernel } from './testPod.ts'

const args = (change?: PodChange) => testContainer(change).args ?? []

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
    `kmm.sigs.x-k8s.io/kernel=${testPodKernel}`,
    '--label',
    'kmm.sigs.x-k8s.io/input-hash=abcdef0123456789',
    '--label',
    expect.stringMatching(/^kmm.sigs.x-k8s.io\/source-hash=[0-9a-f]{64}$/),
    '--label',
    'kmm.sigs.x-k8s.io/cluster=c1',
    '--label',
    'kmm.sigs.x-k8s.io/build-node=$(KMM_BUILD_NODE)',
    '--build-arg',
    'REV=42',
    '--build-arg',
    'MOD_NAME=fpga',
    '--build-arg',
    `KERNEL_FULL_VERSION=${testPodKernel}`,
    '--build-arg',
    `KERNEL_VERSION=${testPodKernel}`,
    '--build-arg',
    'MOD_NAMESPACE=drivers',
  ])
})

test('images:KMI-7 Better: Kubernetes puts the name of the build node into its label', () => {
  expect(testContainer().env).toEqual([
    { name: 'KMM_BUILD_NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
  ])
})

test('authorities of the configuration are trusted beside those of the executor', () => {
  const authorities = '-----BEGIN CERTIFICATE-----'
  const certificates = (change: PodChange) =>
    testContainer(change).env?.filter(({ name }) => name === 'SSL_CERT_DIR')
  expect(certificates({})).toEqual([])
  expect(certificates({ authorities })).toEqual([
    { name: 'SSL_CERT_DIR', value: '/kaniko/ssl/certs:/kaniko/ssl/kmm' },
  ])
  const settings = { env: [{ name: 'SSL_CERT_DIR', value: '/etc/ssl' }] }
  expect(certificates({ authorities, settings })).toEqual([
    { name: 'SSL_CERT_DIR', value: '/etc/ssl:/kaniko/ssl/kmm' },
  ])
  const key = 'kmm.sigs.x-k8s.io/registry-authorities'
  expect(testPod({ authorities }).metadata.annotations).toMatchObject({ [key]: authorities })
  expect(testPod({}).metadata.annotations).not.toHaveProperty([key])
})

test('Kubernetes leaves a $ of a user alone', () => {
  const value = '$(KMM_BUILD_NODE) $$ ${HOME} $'
  expect(args({ build: { buildArgs: [{ name: 'A', value }] } })).toContain(
    'A=$$(KMM_BUILD_NODE) $$$$ $${HOME} $$',
  )
})

test.each<[string, PodChange, string[]]>([
  ['no switch without an option', {}, []],
  ['push without TLS', { mapping: { registryTLS: { insecure: true } } }, ['--insecure']],
  [
    'push without verification',
    { mapping: { registryTLS: { insecureSkipTLSVerify: true } } },
    ['--skip-tls-verify-registry', 'reg.example:5000'],
  ],
  ['pull without TLS', { build: { baseImageRegistryTLS: { insecure: true } } }, ['--insecure-pull']],
  [
    'pull without verification',
    { build: { baseImageRegistryTLS: { insecureSkipTLSVerify: true } } },
    ['--skip-tls-verify-registry', 'base.example', '--skip-tls-verify-registry', 'other.example:5000'],
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
  const all = args(change)
  expect(all.slice(2, all.indexOf('--digest-file=/dev/termination-log'))).toEqual(expected)
})

test('retries come from the configuration', () => {
  const change = { settings: { pushRetry: 7, downloadRetry: 8 } }
  const flags = ['--push-retry=7', '--image-download-retry=8', '--image-fs-extract-retry=8']
  expect(args(change)).toEqual(expect.arrayContaining(flags))
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
  expect(testContainer({ build, settings: { image: 'reg.example:5000/executor:v1' } }).image).toBe(
    'reg.example:5000/executor:debug',
  )
})
