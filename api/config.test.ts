import { describe, expect, test } from 'vitest'
import { parseConfig } from './config.ts'

function config(text: string) {
  const parsed = parseConfig(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.config
}

describe('images:CFG-2 defaults', () => {
  test.each(['', '{}', '# nothing\n', 'worker: {}'])('of "%s"', (text) => {
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
        maxParallel: 10,
        pushRetry: 3,
        downloadRetry: 3,
      },
      registry: { nodePullCheck: false },
      job: { gcDelay: 0 },
      worker: { runAsUser: 0, seLinuxType: 'spc_t', firmwareHostPath: '/lib/firmware' },
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

test('nodes:CFG-1 null unsets', () => {
  expect(config('worker: {runAsUser: null, firmwareHostPath: null}').worker).toMatchObject({
    runAsUser: null,
    firmwareHostPath: null,
  })
})

test('temporal: TLS unless on loopback, no namespace created by default', () => {
  const text = 'temporal: {address: t:7233, apiKeyFile: /k, clusterName: east-1}'
  expect(config(text).temporal).toEqual({
    address: 't:7233',
    namespace: 'default',
    clusterName: 'east-1',
    tls: { enabled: true },
    apiKeyFile: '/k',
    createNamespace: false,
  })
  expect(config('').temporal.tls.enabled).toBe(false)
})

describe('nodes:CFG-3 what is wrong is named', () => {
  test.each([
    ['nonsense: 1', 'nonsense: unknown key'],
    ['worker: {runAs: 1}', 'worker.runAs: unknown key'],
    ['job: {gcDelay: 30}', 'job.gcDelay: '],
    ['job: {gcDelay: 30x}', 'job.gcDelay: "30x" is not a duration; write it like 30s'],
    ['job: {gcDelay: -1s}', 'job.gcDelay: "-1s" is negative'],
    ['worker: {firmwareHostPath: lib}', 'worker.firmwareHostPath: must be an absolute path'],
    ['maxParallel: 0', 'maxParallel: '],
    ['temporal: {tls: {certFile: /a}}', 'temporal.tls: give certFile and keyFile together'],
    ['temporal: {clusterName: "a:b"}', 'temporal.clusterName: must be'],
    ['leaderElection: {enabled: "yes"}', 'leaderElection.enabled: '],
    ['a: [', 'not valid YAML: '],
    ['a: 1\na: 2', 'not valid YAML: '],
    ['just text', 'the configuration: '],
    ['- a', 'the configuration: '],
  ])('%s', (text, message) => {
    expect(parseConfig(text)).toEqual({ ok: false, message: expect.stringContaining(message) })
  })

  test('all of it at once', () => {
    expect(parseConfig('a: 1\njob: {gcDelay: x}')).toMatchObject({
      message: expect.stringMatching(/job[^]*\na: /),
    })
  })
})

describe('keys of KMM with a warning', () => {
  test('worker.setFirmwareClassPath is firmwareHostPath', () => {
    const parsed = parseConfig('worker: {setFirmwareClassPath: /var/lib/firmware}')
    expect(parsed).toMatchObject({
      config: { worker: { firmwareHostPath: '/var/lib/firmware' } },
      warnings: [expect.stringContaining('worker.firmwareHostPath')],
    })
  })

  test('the real name wins', () => {
    const text = 'worker: {setFirmwareClassPath: /a, firmwareHostPath: /b}'
    expect(config(text).worker.firmwareHostPath).toBe('/b')
  })

  test('webhookPort', () => {
    expect(parseConfig('webhookPort: 9443')).toMatchObject({
      ok: true,
      warnings: [expect.stringContaining('webhookPort')],
    })
  })
})
