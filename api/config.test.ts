import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { variables } from './config/environment.ts'
import { parseConfig } from './config.ts'
import { generatedPages } from './generate.ts'

function config(text: string, environment: Record<string, string> = {}) {
  const parsed = parseConfig(text, environment)
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.config
}

describe('defaults', () => {
  test.each(['', '{}', '# nothing\n', 'worker: {}', 'worker:\nmaxParallel:\n'])('of "%s"', (text) => {
    expect(config(text)).toEqual({
      temporal: {
        address: 'localhost:7233',
        namespace: 'default',
        tls: { enabled: false },
        createNamespace: false,
      },
      build: {
        image: 'gcr.io/kaniko-project/executor:v1.24.0',
        env: [],
        deadlineSeconds: 7200,
        maxParallel: 10,
        scratchSizeLimit: '50Gi',
        pushRetry: 3,
        downloadRetry: 3,
      },
      registry: { nodePullCheck: false, privateAddresses: 'allow', allowedHosts: [] },
      job: { gcDelay: 0 },
      worker: {
        runAsUser: 0,
        seLinuxType: 'spc_t',
        firmwareHostPath: '/lib/firmware',
        imagePullSecrets: [],
      },
      leaderElection: { enabled: true, resourceID: 'kmm.sigs.x-k8s.io' },
      metrics: { bindAddress: '0.0.0.0:8443', enableAuthnAuthz: true, secureServing: true },
      healthProbeBindAddress: ':8081',
      maxParallel: 200,
    })
  })

  test('stand under what is given', () => {
    expect(config('job: {gcDelay: 1h30m}\nworker: {runAsUser: 1}')).toMatchObject({
      job: { gcDelay: 5_400_000 },
      worker: { runAsUser: 1, seLinuxType: 'spc_t' },
    })
  })
})

test('null takes the limits of builds away', () => {
  const { build } = config('build: {deadlineSeconds: null, scratchSizeLimit: null}')
  expect(build).toMatchObject({ deadlineSeconds: null, scratchSizeLimit: null })
})

test('null unsets the two keys of which KMM says so', () => {
  expect(config('worker: {runAsUser: null, firmwareHostPath: null}').worker).toMatchObject({
    runAsUser: null,
    firmwareHostPath: null,
  })
})

test('numbers where YAML makes them of texts', () => {
  const text = 'metrics: {bindAddress: 0}\nbuild: {resources: {limits: {cpu: 2, memory: 1Gi}}}'
  expect(config(text)).toMatchObject({
    metrics: { bindAddress: '0' },
    build: { resources: { limits: { cpu: '2', memory: '1Gi' } } },
  })
})

describe('TLS to Temporal', () => {
  test.each<[string, boolean]>([
    ['temporal: {address: "temporal.example:7233"}', true],
    ['temporal: {address: "temporal.example:7233", tls: {enabled: false}}', false],
    ['temporal: {address: "localhost:7233"}', false],
    ['temporal: {address: "127.0.0.1:1"}', false],
    ['temporal: {address: "[::1]:7233"}', false],
    ['temporal: {address: "127.0.0.1:1", tls: {enabled: true}}', true],
    ['temporal: {address: "127.0.0.1:1", tls: {caFile: /ca.crt}}', true],
  ])('%s: %s', (text, enabled) => {
    expect(config(text).temporal.tls.enabled).toBe(enabled)
  })

  test('what is given for TLS that is off is a warning', () => {
    const text = 'temporal: {address: "t:1", tls: {enabled: false, caFile: /ca.crt}}'
    expect(parseConfig(text)).toMatchObject({
      warnings: ['temporal.tls.caFile has no effect: temporal.tls.enabled is false'],
    })
  })
})

describe('what is wrong is named, with what would be right', () => {
  test.each([
    ['job: {gcDelay: 30}', 'job.gcDelay: must be a duration, such as 30s or 1h30m'],
    ['job: {gcDelay: 30x}', 'job.gcDelay: "30x" is not a duration; write it like 30s'],
    ['job: {gcDelay: -1s}', 'job.gcDelay: "-1s" is negative'],
    ['worker: {firmwareHostPath: lib}', 'worker.firmwareHostPath: must be an absolute path'],
    ['worker: {imagePullSecrets: regcred}', 'worker.imagePullSecrets: must be a list of names'],
    ['worker: {imagePullSecrets: [A_b]}', 'worker.imagePullSecrets[0]: must be the name of a Secret'],
    ['registry: {allowedHosts: a}', 'registry.allowedHosts: must be a list of hosts'],
    ['registry: {allowedHosts: ["https://a"]}', 'registry.allowedHosts[0]: must be HOST or HOST:PORT'],
    ['registry: {allowedHosts: ["a:99999"]}', 'registry.allowedHosts[0]: must be HOST or HOST:PORT'],
    ['registry: {allowedHosts: ["*.a"]}', 'registry.allowedHosts[0]: must be HOST or HOST:PORT'],
    ['worker: 5', 'worker: '],
    ['maxParallel: 0', 'maxParallel: must be a whole number from 1 to 2000'],
    ['maxParallel: 1.5', 'maxParallel: must be a whole number from 1 to 2000'],
    ['build: {pushRetry: -1}', 'build.pushRetry: must be a whole number of at least 0'],
    ['build: {resources: {limits: {cpu: many}}}', 'build.resources.limits.cpu: must be a quantity'],
    ['build: {env: [{name: A, value: 1}]}', 'build.env[0].value: must be text'],
    ['temporal: {address: "https://t:7233"}', 'temporal.address: must be HOST:PORT without a scheme'],
    ['temporal: {address: temporal.example}', 'temporal.address: must be HOST:PORT'],
    ['temporal: {address: ":7233"}', 'temporal.address: must be HOST:PORT'],
    ['temporal: {tls: {certFile: /a}}', 'temporal.tls: certFile and keyFile must be given together'],
    ['temporal: {tls: {caFile: ca.crt}}', 'temporal.tls.caFile: must be an absolute path'],
    [
      'temporal: {address: "t:1", tls: {enabled: false}, apiKeyFile: /key}',
      'temporal.apiKeyFile: needs temporal.tls.enabled',
    ],
    ['temporal: {clusterName: "a:b"}', 'temporal.clusterName: must be'],
    ['leaderElection: {enabled: "yes"}', 'leaderElection.enabled: must be true or false'],
    ['healthProbeBindAddress: 8081', 'healthProbeBindAddress: must be HOST:PORT or :PORT'],
    ['metrics: {bindAddress: ":99999"}', 'metrics.bindAddress: must be HOST:PORT, :PORT or "0"'],
    ['a: [', 'not valid YAML: '],
    ['a: 1\na: 2', 'not valid YAML: '],
    ['just text', 'the configuration must be a map of keys'],
    ['- a', 'the configuration must be a map of keys'],
  ])('%s', (text, message) => {
    const parsed = parseConfig(text)
    expect(parsed).toMatchObject({ ok: false, message: expect.stringContaining(message) })
  })

  test('all of it at once', () => {
    expect(parseConfig('maxParallel: 0\njob: {gcDelay: x}\nnonsense: 1')).toMatchObject({
      faults: [expect.stringMatching(/^job\.gcDelay: /), expect.stringMatching(/^maxParallel: /)],
      warnings: ['nonsense has no effect: unknown key'],
    })
  })

  test('of many faults a bounded number is named', () => {
    const limits = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`k${index}`, 'x']))
    const parsed = parseConfig(JSON.stringify({ build: { resources: { limits } } }))
    if (parsed.ok) throw new Error('it is valid')
    expect(parsed.faults).toHaveLength(51)
    expect(parsed.faults.at(-1)).toBe('and 950 more faults')
  })

  test('a text of unreasonable length is refused before it is parsed', () => {
    const text = Array.from({ length: 10_000 }, (_, index) => `k${index}: 1`).join('\n')
    expect(parseConfig(text)).toMatchObject({ faults: [expect.stringContaining('longer than 32768')] })
  })

  test('of keys without effect a bounded number is named, however often aliases repeat them', () => {
    const keys = Array.from({ length: 1_000 }, (_, index) => `k${index}: 1`).join(', ')
    const again = Array.from({ length: 90 }, (_, index) => `b${index}: *a`).join(', ')
    const { warnings } = parseConfig(`other: {a: &a {${keys}}, ${again}}`)
    expect(warnings).toHaveLength(51)
    expect(warnings.at(-1)).toBe('more keys have no effect: unknown keys')
  })

  test('a YAML of endless aliases is a fault', () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x]']
    for (let index = 0; index < 20; index++) {
      const before = index === 0 ? 'a' : `b${index - 1}`
      lines.push(`b${index}: &b${index} [*${before}, *${before}, *${before}, *${before}, *${before}]`)
    }
    expect(parseConfig(lines.join('\n'))).toMatchObject({
      ok: false,
      message: expect.stringContaining('not valid YAML'),
    })
  })

  test.each([
    'build: {env: [{name: HTTPS_PROXY, value: "http://u:hunter2@proxy"]}',
    'build: {env: [{name: A, value: hunter2, value: x}]}',
    'temporal: {namespace: *hunter2}',
    'a: >hunter2\n',
    '[1] hunter2',
    'x: !<hunter2',
  ])('a line that is not valid YAML is named and not quoted: %s', (text) => {
    const parsed = parseConfig(text)
    expect(parsed).toMatchObject({ ok: false, faults: [expect.stringMatching(/^not valid YAML: .+$/u)] })
    expect(JSON.stringify(parsed)).not.toContain('hunter2')
  })

  test('control characters and the length of a value stay out of faults', () => {
    const parsed = parseConfig(`job: {gcDelay: "1\\nReady: ok\\u001b[31m${'9'.repeat(10_000)}"}`)
    expect(parsed).toMatchObject({ faults: [expect.not.stringMatching(/\p{Cc}/u)] })
    expect(JSON.stringify(parsed).length).toBeLessThan(2_000)
  })

  test.each<[string, string]>([
    ['maxParallel: 0\nhealthProbeBindAddress: 127.0.0.1:1', '127.0.0.1:1'],
    ['healthProbeBindAddress: nowhere', ':8081'],
    ['a: [', ':8081'],
  ])('%s: probes are answered meanwhile on %s', (text, healthProbeBindAddress) => {
    expect(parseConfig(text)).toMatchObject({ ok: false, healthProbeBindAddress })
  })
})

describe('keys without effect are warnings with their whole name', () => {
  test.each<[string, readonly string[]]>([
    ['nonsense: 1', ['nonsense has no effect: unknown key']],
    ['constructor: 1', ['constructor has no effect: unknown key']],
    ['worker: {runAs: 1}', ['worker.runAs has no effect: unknown key']],
    [
      'other: {a: {b: 1}, c: 2}',
      ['other.a.b has no effect: unknown key', 'other.c has no effect: unknown key'],
    ],
    ['build: {env: [{name: A, value: b, more: 1}]}', ['build.env[0].more has no effect: unknown key']],
    [
      'webhookPort: 9443',
      ['webhookPort has no effect: the API server itself checks Modules, there is no webhook'],
    ],
    [
      'metrics: {disableHTTP2: true}',
      ['metrics.disableHTTP2 has no effect: metrics are served over HTTP/1.1 alone'],
    ],
    [
      'temporal: {apiKeySecret: {name: s}}',
      [expect.stringMatching(/^temporal\.apiKeySecret .*temporal\.apiKeyFile/)],
    ],
  ])('%s', (text, warnings) => {
    expect(parseConfig(text)).toMatchObject({ ok: true, warnings })
  })

  test('KMM’s own configurations are read', () => {
    const kmm = `
healthProbeBindAddress: :8081
webhookPort: 9443
webhook: {disableHTTP2: true, port: 9443}
job: {gcDelay: 1h}
leaderElection: {enabled: true, resourceID: kmm.sigs.x-k8s.io}
metrics: {enableAuthnAuthz: true, disableHTTP2: true, bindAddress: "0.0.0.0:8443", secureServing: true}
worker: {runAsUser: 0, seLinuxType: spc_t, firmwareHostPath: /var/lib/firmware}
`
    const parsed = parseConfig(kmm)
    expect(parsed).toMatchObject({ ok: true, config: { job: { gcDelay: 3_600_000 } } })
    expect(parsed.warnings.map((warning) => warning.split(' ')[0])).toEqual([
      'webhookPort',
      'webhook.disableHTTP2',
      'webhook.port',
      'metrics.disableHTTP2',
    ])
  })

  test('worker.setFirmwareClassPath is firmwareHostPath', () => {
    expect(parseConfig('worker: {setFirmwareClassPath: /var/lib/firmware}')).toMatchObject({
      config: { worker: { firmwareHostPath: '/var/lib/firmware' } },
      warnings: [expect.stringContaining('worker.firmwareHostPath')],
    })
  })

  test('the real name wins', () => {
    const text = 'worker: {setFirmwareClassPath: /a, firmwareHostPath: /b}'
    expect(config(text).worker.firmwareHostPath).toBe('/b')
  })
})

/** A value of the file and one of the environment for each key that has a variable. */
const values: Readonly<Record<string, readonly [file: unknown, environment: string, read: unknown]>> = {
  TEMPORAL_ADDRESS: ['file:1', 'env:1', 'env:1'],
  TEMPORAL_NAMESPACE: ['file', 'env', 'env'],
  KMM_CLUSTER_NAME: ['file', 'env', 'env'],
  TEMPORAL_TLS: [false, 'true', true],
  TEMPORAL_TLS_SERVER_NAME: ['file', 'env', 'env'],
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: ['/file', '/env', '/env'],
  TEMPORAL_TLS_CLIENT_CERT_PATH: ['/file', '/env', '/env'],
  TEMPORAL_TLS_CLIENT_KEY_PATH: ['/file', '/env', '/env'],
  TEMPORAL_API_KEY_FILE: ['/file', '/env', '/env'],
  TEMPORAL_CREATE_NAMESPACE: [false, 'true', true],
  RELATED_IMAGE_BUILD: ['file:1', 'env:1', 'env:1'],
}
/** What must be given with a key, in the file, for the whole to be valid. */
const needed: Readonly<Record<string, object>> = {
  TEMPORAL_TLS_CLIENT_CERT_PATH: { temporal: { tls: { keyFile: '/k' } } },
  TEMPORAL_TLS_CLIENT_KEY_PATH: { temporal: { tls: { certFile: '/c' } } },
}

describe('the file wins over the environment, and that over the default', () => {
  const at = (value: unknown, path: readonly string[]): unknown =>
    path.reduce((inside: unknown, key) => (inside as Record<string, unknown> | undefined)?.[key], value)
  const put = (value: object, [key = '', ...below]: readonly string[], leaf: unknown): object => {
    const inside = ((value as Record<string, unknown>)[key] ?? {}) as object
    return { ...value, [key]: below.length === 0 ? leaf : put(inside, below, leaf) }
  }

  test.each(variables.map(({ name, path }) => [name, path] as const))('%s', (name, path) => {
    const [file, environment, read] = values[name] ?? []
    const more = needed[name] ?? {}
    const fromBoth = config(JSON.stringify(put(more, path, file)), { [name]: environment ?? '' })
    expect(at(fromBoth, path)).toEqual(file)
    const fromEnvironment = config(JSON.stringify(more), { [name]: environment ?? '' })
    expect(at(fromEnvironment, path)).toEqual(read)
    expect(at(config('', { [name]: '' }), path)).toEqual(at(config(''), path))
  })

  test('the rest of the section stays', () => {
    expect(config('build: {pushRetry: 9}', { RELATED_IMAGE_BUILD: 'x' }).build).toMatchObject({
      image: 'x',
      pushRetry: 9,
    })
  })

  test('KMM’s file leaves the connection to the environment', () => {
    expect(config('worker: {runAsUser: 0}', { TEMPORAL_ADDRESS: 't:7233' }).temporal).toMatchObject({
      address: 't:7233',
      tls: { enabled: true },
    })
  })

  test.each<[Record<string, string>, string]>([
    [
      { TEMPORAL_TLS: 'maybe' },
      'environment variable TEMPORAL_TLS (temporal.tls.enabled): must be true or false',
    ],
    [
      { TEMPORAL_ADDRESS: 'nowhere' },
      'environment variable TEMPORAL_ADDRESS (temporal.address): must be HOST:PORT',
    ],
    [
      { TEMPORAL_TLS_CLIENT_CERT_PATH: '/c' },
      'temporal.tls (with TEMPORAL_TLS_CLIENT_CERT_PATH of the environment): certFile and keyFile must be given',
    ],
  ])('%o: the fault names the variable', (environment, message) => {
    expect(parseConfig('', environment)).toMatchObject({
      ok: false,
      message: expect.stringContaining(message),
    })
  })

  test('a section that is no map is at fault itself', () => {
    expect(parseConfig('temporal: 5', { TEMPORAL_ADDRESS: 't:1' })).toMatchObject({
      faults: [expect.stringMatching(/^temporal: /)],
    })
  })
})

test.each([...generatedPages()])('%s has every key of the schema', (file, text) => {
  expect(readFileSync(file, 'utf8')).toBe(text)
})
