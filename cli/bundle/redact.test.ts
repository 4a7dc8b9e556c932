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
