import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readOptions, UsageRequest } from './options.ts'

const folder = mkdtempSync(join(tmpdir(), 'kmm-options-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
function file(text: string): string {
  const path = join(folder, `${files++}-config.yaml`)
  writeFileSync(path, text)
  return path
}
const env = { OPERATOR_NAMESPACE: 'kmm', RELATED_IMAGE_WORKER: 'reg.example/kmm:1' }

test('all defaults without a file', () => {
  expect(readOptions([], env)).toMatchObject({
    kubeconfig: undefined,
    namespace: 'kmm',
    workerImage: 'reg.example/kmm:1',
    warnings: [],
    config: { maxParallel: 200, build: { image: 'gcr.io/kaniko-project/executor:v1.24.0' } },
  })
})

test('arguments and file', () => {
  const config = file('maxParallel: 7\nwebhookPort: 9443\n')
  const options = readOptions(['--config', config, '--kubeconfig', '/k'], env)
  expect(options).toMatchObject({ kubeconfig: '/k', config: { maxParallel: 7 } })
  expect(options.warnings).toEqual([expect.stringContaining('webhookPort')])
})

test.each([
  ['reg.example/kaniko:2', 'reg.example/kaniko:2'],
  ['', 'gcr.io/kaniko-project/executor:v1.24.0'],
])('RELATED_IMAGE_BUILD "%s": the executor is %s', (RELATED_IMAGE_BUILD, image) => {
  expect(readOptions([], { ...env, RELATED_IMAGE_BUILD }).config.build.image).toBe(image)
})

test('RELATED_IMAGE_BUILD leaves the rest of build alone', () => {
  const config = file('build: {pushRetry: 9}\n')
  const options = readOptions(['--config', config], { ...env, RELATED_IMAGE_BUILD: 'x' })
  expect(options.config.build).toMatchObject({ image: 'x', pushRetry: 9 })
})

test.each<[string, string[], Record<string, string>, RegExp]>([
  ['a bad key', ['--config', file('maxParallel: 0\n')], env, /config\.yaml: maxParallel/],
  [
    'a bundle of authorities that is not there',
    ['--config', file('registry: {caFile: /no.pem}\n')],
    env,
    /registry\.caFile: \/no\.pem/,
  ],
  [
    'a bundle without certificates',
    ['--config', file(`registry: {caFile: ${file('none')}}\n`)],
    env,
    /registry\.caFile/,
  ],
  ['a file that is not there', ['--config', '/none.yaml'], env, /\/none\.yaml/],
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
