import { describe, expect, test } from 'vitest'
import { createSearchAttributesCommand, isTemporalCloud } from './commands.ts'
import { describeFault, type TemporalFault } from './faults.ts'

const settings = {
  address: 'temporal.example:7233',
  namespace: 'kmm',
  createNamespace: false,
  tls: { enabled: true },
}
const withFiles = {
  ...settings,
  tls: { enabled: true, caFile: '/tls/ca.crt', certFile: '/tls/tls.crt', keyFile: '/tls/tls.key' },
  apiKeyFile: '/key',
}
const start = 'no connection to temporal.example:7233 (temporal.address): '

describe('each fault names what is wrong, its key, and the fix', () => {
  const cases: readonly [TemporalFault, string, RegExp][] = [
    [
      { kind: 'nameNotFound', host: 'temporal.example' },
      'host name temporal.example not found',
      /correct temporal\.address/,
    ],
    [{ kind: 'refused' }, 'connection refused', /start Temporal/],
    [{ kind: 'unreachable', reason: 'no answer within 15 s' }, 'no answer within 15 s', /NetworkPolicies/],
    [{ kind: 'plainServer' }, 'the server does not speak TLS', /temporal\.tls\.enabled: false/],
    [{ kind: 'closed' }, 'the server closed', /temporal\.tls\.enabled: true/],
    [{ kind: 'untrusted', reason: 'x' }, 'TLS handshake failed: x', /in temporal\.tls\.caFile/],
    [{ kind: 'serverName', reason: 'x' }, 'TLS handshake failed: x', /temporal\.tls\.serverName/],
    [
      { kind: 'clientCertificate', reason: 'x' },
      'TLS handshake failed: x',
      /set temporal\.tls\.certFile and temporal\.tls\.keyFile/,
    ],
    [{ kind: 'handshake', reason: 'x' }, 'TLS handshake failed: x', /temporal\.tls/],
    [{ kind: 'notTemporal', reason: 'x' }, 'x', /gRPC port/],
    [{ kind: 'unauthenticated', reason: 'x' }, 'not authenticated: x', /temporal\.apiKeyFile/],
    [{ kind: 'proxy', proxy: 'p:3128', reason: 'x' }, 'proxy p:3128 (HTTPS_PROXY): x', /NO_PROXY/],
    [
      { kind: 'file', field: 'temporal.apiKeyFile', path: '/key', reason: 'does not exist' },
      'temporal.apiKeyFile /key: does not exist',
      /mount the file/,
    ],
    [{ kind: 'material', reason: 'x' }, 'the files of temporal.tls cannot be used: x', /PEM/],
  ]
  test.each(cases)('$kind', (fault, reason, fix) => {
    const [said = '', remedy] = describeFault(fault, settings).split('; ')
    expect(said).toBe(`${start}${reason}${said.slice(start.length + reason.length)}`)
    expect(remedy).toMatch(fix)
  })
})

test('files that were given are named', () => {
  expect(describeFault({ kind: 'untrusted', reason: 'x' }, withFiles)).toContain(
    'temporal.tls.caFile /tls/ca.crt',
  )
  expect(describeFault({ kind: 'clientCertificate', reason: 'x' }, withFiles)).toContain(
    'refuses the client certificate /tls/tls.crt',
  )
  expect(describeFault({ kind: 'unauthenticated', reason: 'x' }, withFiles)).toContain(
    'temporal.apiKeyFile /key',
  )
})

test('a namespace that is missing comes with the command', () => {
  expect(describeFault({ kind: 'namespaceNotFound' }, { ...settings, namespace: "it's" })).toBe(
    "namespace it's (temporal.namespace) does not exist at temporal.example:7233; create it: temporal operator namespace create " +
      `--address temporal.example:7233 --namespace 'it'\\''s' --retention 30d (or set temporal.createNamespace: true)`,
  )
  const cloud = { ...settings, address: 'eu-west-1.aws.api.temporal.io:7233' }
  expect(describeFault({ kind: 'namespaceNotFound' }, cloud)).toContain('NAME.ACCOUNT')
})

test('search attributes: created, not allowed, of another type', () => {
  const missing = { KmmPhase: 'Keyword', KmmHeld: 'Bool' } as const
  const fault = { kind: 'searchAttributes', missing, wrong: {}, reason: undefined } as const
  expect(describeFault(fault, settings)).toMatch(
    /were created in namespace kmm .*KmmPhase \(Keyword\).*; wait$/,
  )
  expect(describeFault({ ...fault, reason: 'not allowed' }, settings)).toMatch(
    /not allowed; create them: temporal operator search-attribute create --address temporal\.example:7233 --namespace kmm --name KmmPhase --type Keyword --name KmmHeld --type Bool$/,
  )
  expect(describeFault({ ...fault, wrong: { KmmHeld: 'Bool' } }, settings)).toMatch(
    /of another type .*KmmHeld \(Bool\) is the type that is needed/,
  )
})

test('Temporal Cloud has a command of its own', () => {
  expect(isTemporalCloud('kmm.a1b2c.tmprl.cloud:7233')).toBe(true)
  expect(isTemporalCloud('us-east-1.aws.api.temporal.io:7233')).toBe(true)
  expect(isTemporalCloud('tmprl.cloud.example.com:7233')).toBe(false)
  const cloud = { address: 'kmm.a1b2c.tmprl.cloud:7233', namespace: 'kmm.a1b2c' }
  expect(createSearchAttributesCommand(cloud, { KmmHeld: 'Bool', KmmModule: 'Keyword' })).toBe(
    'tcld namespace search-attributes add --namespace kmm.a1b2c --search-attribute KmmHeld=Bool --search-attribute KmmModule=Keyword',
  )
})
