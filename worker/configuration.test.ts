import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readConfiguration } from './configuration.ts'
import { selfSigned } from './selfSigned.ts'

const folder = mkdtempSync(join(tmpdir(), 'kmm-configuration-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
const { cert, key } = selfSigned('one')
const caFile = file('ca.crt', cert)
const certFile = file('tls.crt', cert)
const keyFile = file('tls.key', key)
const otherKey = file('other.key', selfSigned('two').key)
const apiKeyFile = file('api-key', 's3cret\n')
const twoWords = file('two-words', 's3cret and more')
const empty = file('empty', '')
const configOf = (text: object) => file('controller_config.yaml', JSON.stringify(text))

const tls = { caFile, certFile, keyFile }
const temporal = { address: 't:7233', tls, apiKeyFile }
function fingerprint(text: object): string {
  const reading = readConfiguration(configOf(text), {})
  if (reading.kind === 'invalid') throw new Error(reading.faults.join())
  return reading.fingerprint
}

test('without a file: the environment and the defaults', () => {
  expect(readConfiguration(undefined, { TEMPORAL_ADDRESS: 't:1' })).toMatchObject({
    kind: 'valid',
    config: { temporal: { address: 't:1' }, maxParallel: 200 },
  })
})

test('the secret content of files is no part of what is read', () => {
  const reading = readConfiguration(configOf({ temporal }), {})
  expect(reading.kind).toBe('valid')
  expect(JSON.stringify(reading)).not.toMatch(/s3cret|PRIVATE KEY/)
})

describe('faults', () => {
  const missing = join(folder, 'none')
  test.each<[string, object, Record<string, string>, string]>([
    ['a wrong value', { maxParallel: 0 }, {}, 'maxParallel: must be a whole number'],
    [
      'no such authorities',
      { temporal: { ...temporal, tls: { caFile: missing } } },
      {},
      `temporal.tls.caFile: ${missing} cannot be read (ENOENT)`,
    ],
    ['no authorities', { temporal: { ...temporal, tls: { caFile: empty } } }, {}, 'temporal.tls.caFile: '],
    [
      'no certificate',
      { temporal: { ...temporal, tls: { certFile: keyFile, keyFile } } },
      {},
      `${keyFile} holds no certificate in PEM`,
    ],
    [
      'no key',
      { temporal: { ...temporal, tls: { certFile, keyFile: certFile } } },
      {},
      `temporal.tls.keyFile: ${certFile} holds no private key in PEM`,
    ],
    [
      'the key of another',
      { temporal: { ...temporal, tls: { certFile, keyFile: otherKey } } },
      {},
      `temporal.tls.keyFile: ${otherKey} is not the key of ${certFile}`,
    ],
    [
      'an API key that no header can carry',
      { temporal: { ...temporal, apiKeyFile: twoWords } },
      {},
      `temporal.apiKeyFile: ${twoWords} holds no API key`,
    ],
    [
      'an empty API key',
      { temporal: { ...temporal, apiKeyFile: empty } },
      {},
      `temporal.apiKeyFile: ${empty} holds no API key`,
    ],
    [
      'a file of the environment',
      {},
      { TEMPORAL_ADDRESS: 't:1', TEMPORAL_API_KEY_FILE: empty },
      `environment variable TEMPORAL_API_KEY_FILE (temporal.apiKeyFile): ${empty} holds`,
    ],
    [
      'no authorities of registries',
      { registry: { caFile: missing } },
      {},
      `registry.caFile: ${missing} holds no certificate`,
    ],
    [
      'empty authorities of registries',
      { registry: { caFile: empty } },
      {},
      `registry.caFile: ${empty} holds no certificate`,
    ],
  ])('%s', (_name, text, environment, fault) => {
    expect(readConfiguration(configOf(text), environment)).toMatchObject({
      kind: 'invalid',
      faults: [expect.stringContaining(fault)],
    })
  })

  test('a file that is not there', () => {
    expect(readConfiguration(join(folder, 'absent.yaml'), {})).toEqual({
      kind: 'invalid',
      faults: [
        expect.stringMatching(/absent\.yaml: cannot be read \(ENOENT\); it is the key "absent\.yaml" of/),
      ],
      warnings: [],
      healthProbeBindAddress: ':8081',
    })
  })

  test('files of TLS that is off are not looked at', () => {
    const off = { temporal: { address: 't:1', tls: { enabled: false, caFile: missing } } }
    expect(readConfiguration(configOf(off), {})).toMatchObject({ kind: 'valid' })
  })
})

describe('the fingerprint', () => {
  test('stays for the same settings in other words', () => {
    const before = fingerprint({ temporal, maxParallel: 7 })
    const text = `# a comment\nmaxParallel: 7\nnonsense: 1\ntemporal: ${JSON.stringify(temporal)}`
    expect(readConfiguration(file('other.yaml', text), {})).toMatchObject({ fingerprint: before })
  })

  test('changes with a setting', () => {
    expect(fingerprint({ temporal, maxParallel: 8 })).not.toBe(fingerprint({ temporal, maxParallel: 7 }))
  })

  test.each<[string, () => void]>([
    ['the authorities', () => file('ca.crt', selfSigned('other').cert)],
    ['the API key', () => file('api-key', 'other')],
    [
      'the client certificate',
      () => {
        const next = selfSigned('next')
        file('tls.crt', next.cert)
        file('tls.key', next.key)
      },
    ],
  ])('changes with the content of %s', (_name, change) => {
    const before = fingerprint({ temporal })
    change()
    expect(fingerprint({ temporal })).not.toBe(before)
  })
})
