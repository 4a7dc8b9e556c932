import { expect, test } from 'vitest'
import { redactedText } from '../../api/text/redact.ts'
import { redacted } from './redact.ts'

test.each<[string, unknown, unknown]>([
  [
    'environment variables and build arguments keep their names',
    { env: [{ name: 'A', value: 'x' }], buildArgs: [{ name: 'KEY', value: 's3cret' }] },
    { env: [{ name: 'A', value: '(left out)' }], buildArgs: [{ name: 'KEY', value: '(left out)' }] },
  ],
  [
    'an environment variable from a Secret keeps its reference',
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] },
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] },
  ],
  [
    'what sounds like a secret',
    { annotations: { 'example.com/token': 'abc', 'example.com/owner': 'me' } },
    { annotations: { 'example.com/token': '(left out)', 'example.com/owner': 'me' } },
  ],
  [
    'data of Secrets',
    { kind: 'Secret', data: { a: 'YQ==' }, metadata: { name: 's' } },
    { kind: 'Secret', metadata: { name: 's' } },
  ],
  [
    'copies of the object in its metadata',
    {
      metadata: {
        managedFields: [1],
        annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
      },
    },
    { metadata: { annotations: {} } },
  ],
  [
    'names and passwords in addresses',
    { message: 'clone https://me:pw@git.example/x failed' },
    { message: 'clone https://(left out)@git.example/x failed' },
  ],
])('%s', (_name, value, expected) => {
  expect(redacted(value)).toEqual(expected)
})

test('a Dockerfile', () => {
  expect(redactedText('RUN git clone https://token@git.example/x')).toBe(
    'RUN git clone https://(left out)@git.example/x',
  )
})

test.each<[string, unknown, unknown]>([
  [
    'arguments of a build pod',
    { args: ['--dockerfile=x', '--build-arg', 'TOKEN=abc', '--build-arg=KEY=d'] },
    { args: ['--dockerfile=x', '--build-arg', 'TOKEN=(left out)', '--build-arg=KEY=(left out)'] },
  ],
  [
    'parameters of a module, and raw arguments',
    { modprobe: { parameters: ['key=abc', 'a'], rawArgs: { load: ['-v', 'fpga', 'key=abc'] } } },
    {
      modprobe: { parameters: ['key=(left out)', 'a'], rawArgs: { load: ['-v', 'fpga', 'key=(left out)'] } },
    },
  ],
  [
    'the same in JSON in an annotation',
    {
      'kmm.sigs.x-k8s.io/worker-config':
        '{"config":{"modprobe":{"parameters":["key=abc"]},"env":[{"name":"A","value":"b"}]}}',
    },
    {
      'kmm.sigs.x-k8s.io/worker-config':
        '{"config":{"modprobe":{"parameters":["key=(left out)"]},"env":[{"name":"A","value":"(left out)"}]}}',
    },
  ],
])('%s', (_name, value, expected) => {
  expect(redacted(value)).toEqual(expected)
})
