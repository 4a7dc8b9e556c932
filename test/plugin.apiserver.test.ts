import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { stringify } from 'yaml'
import { createKube } from '../activities/kube/client.ts'
import { modules } from '../activities/kube/resources.ts'
import { annotations, apiVersion, labels } from '../api/names.ts'
import { installPlugin } from '../cli/npm/testing/installPlugin.ts'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { smallSpec } from './moduleSpecs.ts'
import { plugin, startPlugin } from './support/plugin.ts'
import { PluginCluster } from './support/pluginCluster.ts'

/** The plugin as a process, against a real API server; what the operator would write is written by the tests. */
const kubeconfig = inject('kubeconfig')
const kube = createKube(kubeconfig)
const cluster = new PluginCluster(kube, `plugin-${process.pid}`)
const { namespace } = cluster
const env = { KUBECONFIG: kubeconfig }
const kernel = '6.1.0-1-amd64'
const image = 'reg.example/fpga:1'
const failed = {
  conditions: [
    {
      type: 'Ready',
      status: 'False',
      reason: 'CompileFailed',
      message: `Kernel ${kernel}: it does not compile.`,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ],
  moduleLoader: { nodesMatchingSelectorNumber: 1, desiredNumber: 0, availableNumber: 0 },
  kernels: [
    {
      kernel,
      phase: 'BuildFailed',
      image,
      reason: 'CompileFailed',
      message: 'it does not compile.',
      errorLines: 'fpga.c:1: error',
      buildPod: 'fpga-build-aaaaaaaa-1',
      attempt: 1,
      since: '2026-01-01T00:00:00Z',
    },
  ],
}
const spec = (mapping: object = {}) => ({
  ...smallSpec({ mapping: { containerImage: image, ...mapping } }),
  selector: cluster.selector,
})
let node = ''

beforeAll(async () => {
  await cluster.open()
  node = await cluster.node()
  await cluster.module('fpga', spec(), failed)
})
afterAll(async () => await kube.close())

test('list shows readiness, reason and counts; -o json is for programs', async () => {
  const { code, stdout } = await plugin(['list', '-n', namespace], env)
  expect(stdout.split('\n')[0]).toMatch(/^NAMESPACE +NAME +READY +REASON +KERNELS +HELD +NODES +AGE$/)
  expect(stdout).toMatch(new RegExp(`${namespace} +fpga +False +CompileFailed +0/1 +1 +0/1 +\\d+s\n`))
  expect(code).toBe(0)
  const wide = await plugin(['list', '-A', '-o', 'wide'], env)
  expect(wide.stdout).toContain('it does not compile.')
  const json = await plugin(['list', '-n', namespace, '-o', 'json'], env)
  expect(JSON.parse(json.stdout)).toMatchObject({
    modules: [{ name: 'fpga', ready: 'False', reason: 'CompileFailed', kernels: { total: 1, held: 1 } }],
  })
})

test('the namespace is that of the flag, the context, or default; an unknown context is refused', async () => {
  const { modules: inDefault } = JSON.parse((await plugin(['list', '-o', 'json'], env)).stdout) as {
    readonly modules: readonly { readonly namespace: string }[]
  }
  expect(inDefault.every((module) => module.namespace === 'default')).toBe(true)
  expect(await plugin(['list', '-n', 'no-such'], env)).toMatchObject({
    code: 0,
    stdout: 'No Modules in namespace no-such.\n',
  })
  const wrong = await plugin(['list', '--context', 'nope'], env)
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('has no such context') })
})

test('status draws kernel, build and nodes from the views of the operator', async () => {
  const { code, stdout } = await plugin(['status', 'fpga', '-n', namespace], env)
  expect(code).toBe(0)
  expect(stdout).toContain(`Module ${namespace}/fpga  not Ready: CompileFailed`)
  expect(stdout).toContain(`Kernel ${kernel}  BuildFailed`)
  expect(stdout).toContain(`image  ${image}  not verified`)
  expect(stdout).toContain('build  attempt 1 in pod fpga-build-aaaaaaaa-1 ended')
  expect(stdout).toContain('fpga.c:1: error')
  expect(stdout).toContain(`${node}  waits for the image`)
  const json = await plugin(['status', 'fpga', '-n', namespace, '-o', 'yaml'], env)
  expect(json.stdout).toContain(`node: ${node}`)
})

test('status names nodes that a cordon keeps out', async () => {
  const taints = [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }]
  const away = await cluster.node({ taints, kernel: '6.2.0-1-amd64' })
  const { stdout } = await plugin(['status', 'fpga', '-n', namespace], env)
  expect(stdout).toContain(`${away}  kept out for now by the taint node.kubernetes.io/unschedulable`)
})

test('a Module that is not there: exit code 3, and where there is one of that name', async () => {
  const { code, stderr } = await plugin(['status', 'fpga'], env)
  expect(code).toBe(3)
  expect(stderr).toMatch(/^kubectl kmod: There is no Module default\/fpga; there is one in namespace .*\n$/)
  expect(stderr).toContain(namespace)
})

test('who may read nothing is told which right is missing: exit code 6', async () => {
  expect(await plugin(['list', '-n', namespace, '--as', 'nobody'], env)).toEqual({
    code: 6,
    stdout: '',
    stderr:
      `kubectl kmod: You may not list modules.kmm.sigs.x-k8s.io in namespace ${namespace}. Ask for that right: verb "list", ` +
      `resource "modules.kmm.sigs.x-k8s.io" (kubectl auth can-i list modules.kmm.sigs.x-k8s.io -n ${namespace}).\n`,
  })
})

test('an API server that is away: exit code 1 with its address', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'kmm-plugin-')), 'kubeconfig')
  const clusters = [{ name: 'c', cluster: { server: 'http://127.0.0.1:1' } }]
  const contexts = [{ name: 'c', context: { cluster: 'c', user: 'u' } }]
  const users = [{ name: 'u', user: {} }]
  writeFileSync(file, stringify({ 'current-context': 'c', clusters, contexts, users }))
  expect(await plugin(['list', '--kubeconfig', file])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^kubectl kmod: cannot reach the API server http:\/\/127.0.0.1:1: /),
  })
})

test('status --watch tells every change by itself, and ends with the Module', async () => {
  await cluster.module('watched', spec())
  const child = startPlugin(['status', 'watched', '-n', namespace, '-w', '-o', 'json'], env)
  onTestFinished(() => void child.kill())
  const reports: { kernels: { phase: string }[] }[] = []
  createInterface(child.stdout).on('line', (line) => reports.push(JSON.parse(line) as (typeof reports)[0]))
  const phase = () => reports.at(-1)?.kernels[0]?.phase
  await expect.poll(phase, { timeout: 60_000 }).toBe('Pending')
  await cluster.status('watched', { kernels: [{ kernel, phase: 'CheckingImage', image }] })
  await expect.poll(phase, { timeout: 60_000 }).toBe('CheckingImage')
  await cluster.status('watched', { kernels: [{ kernel, phase: 'Building', image }] })
  await expect.poll(phase, { timeout: 60_000 }).toBe('Building')
  const ref = { namespace, name: 'watched' }
  await kube.patch(modules, ref, { metadata: { finalizers: [] } })
  const object = await kube.get(modules, ref)
  await kube.delete(modules, ref, { uid: object?.metadata.uid ?? '' })
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('Ctrl-C ends the watch in order', async () => {
  const child = startPlugin(['status', 'fpga', '-n', namespace, '--watch'], env)
  onTestFinished(() => void child.kill())
  await once(child.stdout, 'data')
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('plan tells what a changed file would bring, and changes nothing', async () => {
  await cluster.dockerfile('fpga-dockerfile')
  const build = { dockerfileConfigMap: { name: 'fpga-dockerfile' } }
  const file = join(mkdtempSync(join(tmpdir(), 'kmm-plugin-')), 'module.yaml')
  const changed = spec({ containerImage: 'reg.example/fpga:2', build })
  writeFileSync(file, stringify({ apiVersion, kind: 'Module', metadata: { name: 'fpga' }, spec: changed }))
  const before = await kube.get(modules, { namespace, name: 'fpga' })
  const { code, stdout } = await plugin(['plan', '-f', file, '-n', namespace], env)
  expect(stdout).toContain(`Module ${namespace}/fpga changes`)
  expect(stdout).toContain('image    reg.example/fpga:2: the registry is asked')
  expect(stdout).toMatch(/build {4}if it is not there, in pod fpga-build-[0-9a-f]{8}-1 from inputs/)
  expect(stdout).toContain(`load     1: ${node}`)
  expect(code).toBe(0)
  expect(await kube.get(modules, { namespace, name: 'fpga' })).toEqual(before)
})

test('logs: a pod whose log cannot be read leaves the error lines, and says both', async () => {
  await cluster.pod('fpga-build-aaaaaaaa-1', {
    labels: {
      [labels.moduleName]: 'fpga',
      [labels.resourceType]: 'BuildImage',
      [labels.inputHash]: 'aaaaaaaa',
      [labels.attempt]: '1',
    },
    annotations: { [annotations.kernel]: kernel },
    nodeName: node,
    status: { phase: 'Failed' },
  })
  const { code, stdout, stderr } = await plugin(['logs', 'fpga', '-n', namespace], env)
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'fpga.c:1: error\n' })
  expect(stderr).toContain('the API server says: ')
  expect(stderr).toContain('these are the error lines that status keeps')
})

test('colours on a terminal alone, and not where NO_COLOR is set', async () => {
  // `script` gives its command a terminal.
  const inTerminal = async (more: NodeJS.ProcessEnv) => {
    const command = `${process.execPath} ${join(import.meta.dirname, '../cli/kubectl-kmod.js')} list -n ${namespace}`
    const options = { env: { ...process.env, ...env, TERM: 'xterm', ...more } }
    return (await promisify(execFile)('script', ['-qec', command, '/dev/null'], options)).stdout
  }
  expect(await inTerminal({ NO_COLOR: '' })).toContain('\u001B[31mFalse\u001B[39m')
  expect(await inTerminal({ NO_COLOR: '1' })).not.toContain('\u001B[')
  expect((await plugin(['list', '-n', namespace], env)).stdout).not.toContain('\u001B[')
})

test('completion knows the Modules of the cluster', async () => {
  const { stdout } = await plugin(['__complete', 'status', '-n', namespace, 'f'], env)
  expect(stdout).toBe('fpga\n:4\n')
})

test('completion knows the kernels of nodes, and those of Modules for who may not list nodes', async () => {
  const other = '9.9.9-completes'
  await cluster.node({ kernel: other })
  const kernels = async (...line: string[]) =>
    (await plugin(['__complete', 'logs', 'fpga', '-n', namespace, ...line], env)).stdout.split('\n')
  expect(await kernels('--kernel', '')).toEqual(expect.arrayContaining([kernel, other]))
  expect(await kernels('--kernel', '9.9')).toEqual([other, ':4', ''])
  await cluster.mayReadModules('completes')
  expect(await kernels('--as', 'completes', '--kernel', '')).toEqual([kernel, ':4', ''])
})

test('kubectl itself finds the plugin as npm installs it, and asks it for completions', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kmm-plugin-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const bin = await installPlugin(folder)
  const kubectl = await ensurePrograms(['kubectl']).path('kubectl')
  const path = `${bin}:${process.env['PATH'] ?? ''}`
  const run = async (...line: string[]) =>
    (await promisify(execFile)(kubectl, line, { env: { ...process.env, ...env, PATH: path } })).stdout
  expect(await run('kmod', 'list', '-n', namespace)).toContain('fpga')
  const found = await run('__complete', 'kmod', 'status', '-n', namespace, 'f')
  expect(found.split('\n')).toContain('fpga')
})
