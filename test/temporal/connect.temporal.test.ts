import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { NativeConnection } from '@temporalio/worker'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'
import type { OperatorConfig } from '../../api/config.ts'
import { searchAttributeTypes } from '../../api/searchAttributes.ts'
import { freePorts } from '../../lab/ports.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { startTemporalServer, type TemporalServer } from '../../lab/temporalServer.ts'
import { openTestFolder, type TestFolder } from '../../lab/testFolder.ts'
import { temporalClient } from '../../worker/temporal.ts'
import { createSearchAttributesCommand } from '../../worker/temporal/commands.ts'
import { connectTemporal } from '../../worker/temporal/connect.ts'
import { connectProxy } from '../../worker/temporal/testing/connectProxy.ts'
import { startTokenIssuer, type TokenIssuer } from '../support/tokenIssuer.ts'

type Settings = OperatorConfig['temporal']
const base = { namespace: 'kmm', createNamespace: true }
const programs = ensurePrograms(['temporal-server', 'temporal-ui-server', 'temporal'])
const log = pino({ enabled: false })

/** Connects, and gives up when the reasons that were reported are enough. */
function attempt(settings: Settings, environment: Readonly<Record<string, string>> = {}) {
  const ending = new AbortController()
  const reasons: string[] = []
  onTestFinished(() => ending.abort())
  const connection = connectTemporal({
    settings,
    environment,
    log,
    signal: ending.signal,
    onFault: (reason) => reasons.push(reason),
  })
  connection.then(
    (made) => onTestFinished(async () => await made.close()),
    () => undefined,
  )
  return { connection, reasons, stop: () => ending.abort() }
}

async function startWorkflow(connection: NativeConnection, workflowId: string): Promise<void> {
  const client = temporalClient(connection, base.namespace)
  await client.workflow.start('none', {
    taskQueue: 'nobody',
    workflowId,
    searchAttributes: { KmmHeld: [true] },
  })
}

/** Starts the UI server with the shipped configuration; returns its URL. */
async function startUi(
  { dir, supervisor }: TestFolder,
  { address, client }: TemporalServer,
): Promise<string> {
  const shipped = readFileSync(
    join(import.meta.dirname, '../../deploy/embedded-temporal/temporal.yaml'),
    'utf8',
  )
  const text = parseAllDocuments(shipped)
    .map((document) => document.toJS() as { readonly data?: Readonly<Record<string, string>> })
    .find(({ data }) => data?.['ui.yaml'] !== undefined)?.data?.['ui.yaml']
  const config = parse(text ?? '') as { readonly tls: object }
  const [port = 0] = await freePorts(1)
  const tls = { ...config.tls, ...client, serverName: 'kmm-operator-temporal' }
  mkdirSync(join(dir, 'ui'))
  writeFileSync(join(dir, 'ui/ui.yaml'), stringify({ ...config, port, temporalGrpcAddress: address, tls }))
  const url = `http://127.0.0.1:${port}`
  const program = await programs.path('temporal-ui-server')
  await supervisor.start({
    name: 'temporal-ui',
    command: [program, '--root', dir, '--config', 'ui', '--env', 'ui', 'start'],
    ready: { probe: async () => void (await fetch(`${url}/healthz`)), timeoutMs: 60_000 },
    fix: 'see the log',
  })
  return url
}

describe('mutual TLS', () => {
  const folder = openTestFolder('temporal-server')
  let server: TemporalServer
  let settings: Settings
  beforeAll(async () => {
    server = await startTemporalServer({ ...folder, programs, dir: folder.dir })
    settings = { ...base, address: server.address, tls: { enabled: true, ...server.client } }
  })
  afterAll(folder.close)

  test('namespace and search attributes are created, and kept over a restart', async () => {
    const made = await attempt(settings).connection
    const { config } = await made.workflowService.describeNamespace({ namespace: base.namespace })
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 24 * 60 * 60)
    await startWorkflow(made, 'kept')
    await server.process.restart()
    const again = await attempt(settings).connection
    const { status } = await temporalClient(again, base.namespace).workflow.getHandle('kept').describe()
    expect(status.name).toBe('RUNNING')
  })

  test('without a client certificate, or the authority, the reason says so', async () => {
    const { caFile } = server.client
    const without = attempt({ ...settings, tls: { enabled: true, caFile } })
    await expect
      .poll(() => without.reasons.at(-1))
      .toMatch(/^no connection to .* \(temporal\.address\): TLS handshake failed: .*certFile/)
    const untrusted = attempt({ ...settings, tls: { enabled: true } })
    await expect.poll(() => untrusted.reasons.at(-1)).toContain('temporal.tls.caFile')
    const plain = attempt({ ...settings, tls: { enabled: false } })
    await expect.poll(() => plain.reasons.at(-1)).toContain('temporal.tls.enabled: true')
  })

  test('a namespace that is not to be created is waited for', async () => {
    const { connection, reasons } = attempt({ ...settings, namespace: 'later', createNamespace: false })
    await expect.poll(() => reasons.at(-1)).toContain('temporal operator namespace create --address')
    const other = await attempt({ ...settings, namespace: 'later' }).connection
    await expect(connection).resolves.toBeDefined()
    expect(other).toBeDefined()
  })

  test('the Web UI reads it with the client certificate, by the configuration of the chart', async () => {
    const made = await attempt(settings).connection
    await startWorkflow(made, 'seen')
    const url = await startUi(folder, server)
    await expect
      .poll(async () => await (await fetch(`${url}/api/v1/namespaces/kmm/workflows`)).text())
      .toContain('seen')
    expect(await (await fetch(url)).text()).toContain('sveltekit')
  })

  test('through a proxy, by the name that the certificate holds', async () => {
    const port = Number(server.address.split(':')[1])
    const proxy = await connectProxy({ port })
    const address = `kmm-operator-temporal:${port}`
    const { connection } = attempt({ ...settings, address }, { HTTPS_PROXY: proxy.url })
    const made = await connection
    await made.workflowService.describeNamespace({ namespace: base.namespace })
    // The probe's tunnel and the SDK's.
    expect(proxy.asked.length).toBeGreaterThanOrEqual(2)
    expect(new Set(proxy.asked)).toEqual(new Set([address]))
  })
})

describe('an API key', () => {
  const folder = openTestFolder('temporal-server-tokens')
  let issuer: TokenIssuer
  let server: TemporalServer
  beforeAll(async () => {
    issuer = await startTokenIssuer()
    const authentication = { kind: 'tokens', jwksUrl: issuer.jwksUrl } as const
    server = await startTemporalServer({ ...folder, programs, dir: folder.dir, authentication })
  })
  afterAll(async () => {
    issuer.close()
    await folder.close()
  })

  /** A file with a token that grants these permissions. */
  function keyFile(name: string, permissions: readonly string[]): string {
    const file = join(folder.dir, name)
    writeFileSync(file, `${issuer.issue(permissions)}\n`)
    return file
  }
  const settings = (): Settings => ({
    ...base,
    address: server.address,
    tls: { enabled: true, caFile: server.client.caFile },
  })

  test('is sent, and what it does not allow is a reason with a command', async () => {
    const none = attempt(settings())
    await expect.poll(() => none.reasons.at(-1)).toMatch(/not authenticated: .*set temporal\.apiKeyFile/)
    const wrong = join(folder.dir, 'wrong')
    writeFileSync(wrong, 'not-a-token')
    const refused = attempt({ ...settings(), apiKeyFile: wrong })
    await expect.poll(() => refused.reasons.at(-1)).toContain(`the API key in temporal.apiKeyFile ${wrong}`)
    expect(refused.reasons.join()).not.toContain('not-a-token')

    const admin = { ...settings(), apiKeyFile: keyFile('admin', ['temporal-system:admin']) }
    // One who may work in the namespace and no more.
    const writer = { ...settings(), namespace: 'own', apiKeyFile: keyFile('writer', ['own:write']) }
    await (
      await attempt(admin).connection
    ).workflowService.registerNamespace({
      namespace: 'own',
      workflowExecutionRetentionPeriod: { seconds: (24 * 60 * 60 * 30) as never },
    })
    const waiting = attempt({ ...writer, createNamespace: false })
    await expect
      .poll(() => waiting.reasons.at(-1))
      .toMatch(/search attributes are missing.*temporal operator search-attribute create/)
    await attempt({ ...admin, namespace: 'own' }).connection
    await expect(waiting.connection).resolves.toBeDefined()
  })
})

test('the command for search attributes is one that the CLI takes', async () => {
  const address = inject('temporalAddress')
  const connection = await attempt({ ...base, address, tls: { enabled: false } }).connection
  const namespace = `command-${process.pid}`
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: (24 * 60 * 60 * 30) as never },
  })
  const [, ...args] = createSearchAttributesCommand({ address, namespace }, searchAttributeTypes).split(' ')
  await expect
    .poll(
      async () => await promisify(execFile)(await programs.path('temporal'), args).then(() => 'done', String),
    )
    .toBe('done')
  const { connection: waited } = attempt({
    ...base,
    address,
    namespace,
    tls: { enabled: false },
    createNamespace: false,
  })
  await expect(waited).resolves.toBeDefined()
})
