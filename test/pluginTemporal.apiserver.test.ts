import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { createKube } from '../activities/kube/client.ts'
import { events, namespaces, secrets } from '../activities/kube/resources.ts'
import { clusterNameOf, kernelRunId, taskQueue, watchQueue } from '../api/names.ts'
import { openAuthority } from '../lab/certificates.ts'
import { freePorts } from '../lab/ports.ts'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { startTemporal } from '../lab/temporal.ts'
import { openTestFolder } from '../lab/testFolder.ts'
import { workflowBundle } from '../lab/workflowBundle.ts'
import { createBell } from '../worker/bell.ts'
import { failure, SimulatedCluster } from '../workflows/moduleKernel/testing/simulatedCluster.ts'
import { smallSpec } from './moduleSpecs.ts'
import { eventually } from './support/eventually.ts'
import { plugin } from './support/plugin.ts'
import { PluginCluster } from './support/pluginCluster.ts'
import { openRelay } from '../lab/relay.ts'

/**
 * The plugin as a process against a real API server and a real Temporal server, where real runs have gone over a
 * simulated cluster.
 */
const kubeconfig = inject('kubeconfig')
const kube = createKube(kubeconfig)
const cluster = new PluginCluster(kube, `history-${process.pid}`)
const { namespace } = cluster
const kernel = '6.1.0'
const ref = { namespace, name: 'fpga' }
let env: NodeJS.ProcessEnv = { KUBECONFIG: kubeconfig }
let clusterId = ''
let close = async (): Promise<void> => undefined

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') })
  const folder = openTestFolder('plugin')
  const [port = 0] = await freePorts(1)
  const { address } = await startTemporal({
    supervisor: folder.supervisor,
    programs: ensurePrograms(['temporal']),
    port,
    namespace: 'default',
  })
  clusterId = clusterNameOf((await kube.get(namespaces, { name: 'kube-system' }))?.metadata.uid ?? '')
  const connection = await NativeConnection.connect({ address })
  const client = new Client({ connection: await Connection.connect({ address }) })
  const simulated = new SimulatedCluster()
  simulated.outcomes = [failure]
  const activities: Record<string, (...args: never[]) => unknown> = {}
  for (const name of Object.getOwnPropertyNames(SimulatedCluster.prototype)) {
    const method = simulated[name as keyof SimulatedCluster]
    if (name !== 'constructor' && typeof method === 'function')
      activities[name] = method.bind(simulated) as never
  }
  const code = { workflowBundle: { codePath: await workflowBundle() } }
  // An activity learns with its heartbeat that it is not wanted any more.
  const common = { connection, activities, maxHeartbeatThrottleInterval: '500ms' } as const
  const workers = [
    await Worker.create({ ...common, taskQueue: taskQueue(clusterId), ...code }),
    await Worker.create({ ...common, taskQueue: watchQueue(clusterId) }),
  ]
  const running = workers.map((worker) => worker.run())
  const bell = createBell(client, clusterId)
  await bell.ringKernel({ ref, uid: 'uid-1', kernel }, { changes: [] })
  await eventually(
    'the build is held',
    () => simulated.stored?.phase,
    (phase) => phase === 'BuildFailed',
    60_000,
  )
  simulated.nodeWork = 'loaded'
  await bell.retryKernel({ ref, uid: 'uid-1', kernel }, 'the annotation retry-build')
  await client.workflow.getHandle(kernelRunId(clusterId, ref, kernel)).result()
  for (const worker of workers) worker.shutdown()
  await Promise.all(running)
  env = { KUBECONFIG: kubeconfig, TEMPORAL_ADDRESS: address }
  close = async () => {
    await client.connection.close()
    await connection.close()
    await folder.close()
  }
  await cluster.open()
  await cluster.module('fpga', smallSpec(), {
    kernels: [
      {
        kernel,
        phase: 'BuildFailed',
        image: 'i',
        buildPod: 'fpga-build-p-2',
        attempt: 2,
        errorLines: 'error: x',
        workflowId: kernelRunId(clusterId, ref, kernel),
        runId: 'a-run',
      },
    ],
  })
}, 240_000)
afterAll(async () => {
  await close()
  await kube.close()
})

test('history: the run with attempts, durations and outcomes, also of a Module that is gone', async () => {
  const { code, stdout } = await plugin(['history', 'fpga', '-n', namespace], env)
  expect(code).toBe(0)
  expect(stdout).toMatch(/^\S+Z {2}Kernel 6\.1\.0 {2}COMPLETED {2}\d+s {2}[0-9a-f-]{36}$/m)
  expect(stdout).toMatch(/build reg\.example\/fpga:6\.1\.0 in pod p-1 {2}\d+s {2}failed: BuildCommandFailed/)
  expect(stdout).toMatch(/retry asked for/)
  expect(stdout).toMatch(/build reg\.example\/fpga:6\.1\.0 in pod p-2 {2}\d+s {2}succeeded/)
  const json = await plugin(['history', 'fpga', '-n', namespace, '-o', 'json', '--kernel', kernel], env)
  expect(JSON.parse(json.stdout)).toMatchObject({ runs: [{ kernel, status: 'COMPLETED' }] })
  const yaml = await plugin(['history', 'fpga', '-n', namespace, '-o', 'yaml', '--kernel', kernel], env)
  expect(parse(yaml.stdout)).toEqual(JSON.parse(json.stdout))
  const wide = await plugin(['history', 'fpga', '-n', namespace, '-o', 'wide'], env)
  expect(wide.stdout).toMatch(/─ \d{4}-\d\d-\d\dT\S+Z {2}build reg\.example\/fpga:6\.1\.0 in pod p-2/)
  const none = await plugin(['history', 'nope', '-n', namespace], env)
  expect(none).toMatchObject({ code: 3, stdout: expect.stringContaining('has no runs of Module') })
})

test('logs of builds whose pods are gone, the last one or an attempt', async () => {
  const last = await plugin(['logs', 'fpga', '-n', namespace], env)
  expect(last).toMatchObject({ code: 0, stdout: 'built\n' })
  expect(last.stderr).toContain('The end of the log of pod p-2, as Temporal keeps it; secrets are masked.')
  const first = await plugin(['logs', 'fpga', '-n', namespace, '--kernel', kernel, '--attempt', '1'], env)
  expect(first).toMatchObject({ code: 0, stdout: 'the log\n' })
  const none = await plugin(['logs', 'fpga', '-n', namespace, '--attempt', '7'], env)
  expect(none).toMatchObject({ code: 3, stderr: expect.stringContaining('There is no log of attempt 7') })
})

test.concurrent('without Temporal: what cannot be shown is said, and how to see it', async () => {
  const alone = { ...env, TEMPORAL_ADDRESS: '' }
  const nowhere = ['-n', namespace, '--operator-namespace', 'nowhere']
  const logs = await plugin(['logs', 'fpga', ...nowhere], alone)
  expect(logs).toMatchObject({ code: 0, stdout: 'error: x\n' })
  expect(logs.stderr).toContain('these are the error lines that status keeps. Temporal keeps the logs')
  expect(await plugin(['history', 'fpga', ...nowhere], alone)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('give --temporal-address HOST:PORT, or set TEMPORAL_ADDRESS'),
  })
  const away = await plugin(['history', 'fpga', '-n', namespace, '--temporal-address', '127.0.0.1:1'], env)
  expect(away).toMatchObject({ code: 1, stderr: expect.stringContaining('Temporal at 127.0.0.1:1') })
  const down = await plugin(['logs', 'fpga', '-n', namespace, '--temporal-address', '127.0.0.1:1'], env)
  expect(down).toMatchObject({ code: 0, stdout: 'error: x\n' })
  expect(down.stderr).toContain('Temporal at 127.0.0.1:1')
})

test.concurrent("without a word about Temporal the operator's own configuration is taken", async () => {
  const metadata = { namespace, name: 'kmm-operator-manager-config' }
  const configure = async (address: string) =>
    await kube.applyObject(
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata,
        data: { 'controller_config.yaml': `temporal: { address: "${address}" }` },
      },
      { fieldManager: 'test', force: true },
    )
  const line = ['history', 'fpga', '-n', namespace, '--operator-namespace', namespace]
  await configure(env['TEMPORAL_ADDRESS'] ?? '')
  expect(await plugin(line, { ...env, TEMPORAL_ADDRESS: '' })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('retry asked for'),
  })
  await configure('temporal-frontend.temporal.invalid:7233')
  expect(await plugin(line, { ...env, TEMPORAL_ADDRESS: '' })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("That is the operator's own address"),
  })
})

test('a Temporal that asks for certificates is spoken to with those that the environment names', async () => {
  const address = env['TEMPORAL_ADDRESS'] ?? ''
  const folder = mkdtempSync(join(tmpdir(), 'kmm-plugin-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const authority = await openAuthority(folder)
  const hosts = ['127.0.0.1']
  const server = await authority.issue({ name: 'server', commonName: 'temporal', hosts })
  const client = await authority.issue({ name: 'client', commonName: 'somebody' })
  const relay = await openRelay('127.0.0.1', address, {
    tls: {
      cert: readFileSync(server.certFile),
      key: readFileSync(server.keyFile),
      ca: readFileSync(authority.certFile),
      requestCert: true,
      ALPNProtocols: ['h2'],
    },
  })
  onTestFinished(relay.close)
  const known = {
    ...env,
    TEMPORAL_ADDRESS: `127.0.0.1:${relay.port}`,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.certFile,
  }
  const pair = {
    TEMPORAL_TLS_CLIENT_CERT_PATH: client.certFile,
    TEMPORAL_TLS_CLIENT_KEY_PATH: client.keyFile,
  }
  const line = ['history', 'fpga', '-n', namespace]
  const answered = { code: 0, stdout: expect.stringContaining('retry asked for') }
  expect(await plugin(line, { ...known, ...pair })).toMatchObject(answered)
  const profile = [
    '[profile.default]',
    `address = "${known.TEMPORAL_ADDRESS}"`,
    '[profile.default.tls]',
    `server_ca_cert_path = "${authority.certFile}"`,
    `client_cert_path = "${client.certFile}"`,
    `client_key_path = "${client.keyFile}"`,
  ]
  const file = join(folder, 'temporal.toml')
  writeFileSync(file, profile.join('\n'))
  const byFile = { ...env, TEMPORAL_ADDRESS: '', TEMPORAL_CONFIG_FILE: file }
  expect(await plugin(line, byFile)).toMatchObject(answered)

  expect(await plugin(line, known)).toMatchObject({ code: 1 })
  const missing = await plugin(line, { ...known, ...pair, TEMPORAL_TLS_CLIENT_KEY_PATH: '/nowhere' })
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("'/nowhere'") })
})

test('open: the address of the run, from the status alone', async () => {
  const { stdout } = await plugin(['open', 'fpga', '-n', namespace, '--ui', 'https://temporal.example/'], env)
  const id = encodeURIComponent(kernelRunId(clusterId, ref, kernel))
  expect(stdout).toBe(`https://temporal.example/namespaces/default/workflows/${id}/a-run/history\n`)
})

test('support-bundle: what a bug report needs, from both, without what may be secret', async () => {
  const build = {
    dockerfileConfigMap: { name: 'df' },
    buildArgs: [{ name: 'KEY', value: 'build-arg-secret' }],
    secrets: [{ name: 'token' }],
  }
  await cluster.dockerfile('df')
  await kube.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name: 'token' },
    stringData: { token: 'stored-secret' },
  })
  await cluster.node({ kernel })
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace: 'default', name: `loaded-${namespace}` },
    involvedObject: { kind: 'Node', name: 'n1' },
    reason: 'ModuleLoaded',
    message: `of ${namespace}`,
  }
  await kube.create(events, event)
  await cluster.module('bundled', { ...smallSpec({ mapping: { build } }), selector: cluster.selector })
  const { code, stdout } = await plugin(['support-bundle', 'bundled', '-n', namespace, '--file', '-'], env)
  expect(code).toBe(0)
  const bundle = parse(stdout) as Record<string, unknown>
  expect(bundle).toMatchObject({
    why: expect.stringContaining(`Module ${namespace}/bundled`),
    modules: [{ metadata: { name: 'bundled' } }],
    // Of the whole cluster: other files have nodes there too.
    nodes: expect.arrayContaining([
      expect.objectContaining({
        metadata: expect.objectContaining({ name: expect.stringContaining(namespace) }),
      }),
    ]),
    dockerfiles: [{ name: 'df', dockerfile: 'FROM scratch' }],
    events: expect.arrayContaining([
      expect.objectContaining({ about: 'Node n1', reason: 'ModuleLoaded', message: `of ${namespace}` }),
    ]),
    operator: { deployments: [], pods: [], logs: [] },
    missingRights: [],
    temporal: [],
  })
  expect(stdout).toContain('name: KEY')
  expect(stdout).not.toMatch(/build-arg-secret|stored-secret/)

  const folder = mkdtempSync(join(tmpdir(), 'kmm-plugin-'))
  const file = join(folder, 'bundle.yaml')
  const written = await plugin(['support-bundle', 'fpga', '-n', namespace, '--file', file], env)
  expect(written.stdout).toContain(`Wrote ${file}.`)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(parse(readFileSync(file, 'utf8'))).toMatchObject({
    temporal: [{ status: 'COMPLETED', builds: [{ log: 'built' }, { log: 'the log' }] }],
  })
})
