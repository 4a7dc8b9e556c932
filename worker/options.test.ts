import { expect, test } from 'vitest'
import { readOptions, UsageRequest } from './options.ts'

const env = { OPERATOR_NAMESPACE: 'kmm', RELATED_IMAGE_WORKER: 'reg.example/kmm:1' }

test('without arguments', () => {
  expect(readOptions([], env)).toEqual({
    configFile: undefined,
    kubeconfig: undefined,
    namespace: 'kmm',
    deployment: undefined,
    workerImage: 'reg.example/kmm:1',
    workflowBundle: undefined,
  })
})

test('arguments and environment', () => {
  const more = { OPERATOR_DEPLOYMENT: 'operator', KMM_WORKFLOW_BUNDLE: '/b' }
  expect(readOptions(['--config', '/c', '--kubeconfig', '/k'], { ...env, ...more })).toMatchObject({
    configFile: '/c',
    kubeconfig: '/k',
    deployment: 'operator',
    workflowBundle: '/b',
  })
})

test.each<[string, string[], Record<string, string>, RegExp]>([
  ['an unknown argument', ['--nope'], env, /--nope/],
  ['a word too many', ['run'], env, /run/],
  ['no namespace', [], { RELATED_IMAGE_WORKER: 'x' }, /OPERATOR_NAMESPACE is not set: the namespace/],
  ['an empty namespace', [], { ...env, OPERATOR_NAMESPACE: '' }, /OPERATOR_NAMESPACE/],
  ['no worker image', [], { OPERATOR_NAMESPACE: 'kmm' }, /RELATED_IMAGE_WORKER is not set: the image/],
])('%s is named', (_name, argv, environment, message) => {
  expect(() => readOptions(argv, environment)).toThrow(message)
})

test('help is no error, and needs no environment', () => {
  expect(() => readOptions(['--help'], {})).toThrow(UsageRequest)
  expect(() => readOptions(['--help'], {})).toThrow(/--config FILE.*OPERATOR_NAMESPACE/s)
})
