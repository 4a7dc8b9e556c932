import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { NodeFacts } from '../../api/facts.ts'
import type { KernelStatus, Module } from '../../api/module.ts'
import type { UnreadableModule } from '../../api/readModule.ts'
import { guardedModule, testNode, unreadableModule } from '../../api/testCluster.ts'
import { addClusterMetrics } from './clusterMetrics.ts'

async function linesOf(
  modules: () => readonly Module[],
  unreadable: readonly UnreadableModule[] = [],
  nodes: readonly NodeFacts[] = [],
): Promise<string[]> {
  const registry = new Registry()
  addClusterMetrics(registry, { modules, unreadableModules: () => unreadable, nodes: () => nodes })
  return (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}
const withSpec = (change: object): Module => {
  const module = guardedModule()
  return { ...module, spec: { ...module.spec, ...change } } as Module
}
const container = (change: object) => ({
  moduleLoader: { container: { modprobe: { moduleName: 'a' }, kernelMappings: [], ...change } },
})
const build = { dockerfileConfigMap: { name: 'd' } }
const kernel = (phase: KernelStatus['phase'], change: Partial<KernelStatus> = {}): KernelStatus => ({
  kernel: phase,
  phase,
  ...change,
})

test.each<[string, Module[], string]>([
  ['no Module', [], 'kmm_module_num 0'],
  ['Modules', [guardedModule(), guardedModule()], 'kmm_module_num 2'],
  ['a build of the container', [withSpec(container({ build }))], 'kmm_in_cluster_build_num 1'],
  [
    'a build of a mapping',
    [withSpec(container({ kernelMappings: [{ build }] })), withSpec(container({}))],
    'kmm_in_cluster_build_num 1',
  ],
  ['signing', [withSpec(container({ kernelMappings: [{ sign: {} }] }))], 'kmm_in_cluster_sign_num 1'],
  ['a device plugin', [withSpec({ devicePlugin: {} })], 'kmm_device_plugin_num 1'],
  [
    'arguments of modprobe',
    [withSpec(container({ modprobe: { args: { load: ['-v', '-f'] } } }))],
    'kmm_modprobe_args{name="fpga",namespace="drivers",modprobeArgs="-v,-f"} 1',
  ],
  [
    'raw arguments of modprobe',
    [withSpec(container({ modprobe: { rawArgs: { load: ['a'] } } }))],
    'kmm_modprobe_raw_args{name="fpga",namespace="drivers",modprobeRawArgs="a"} 1',
  ],
  [
    'nothing of a Module that is not Ready',
    [guardedModule()],
    'kmm_module_ready{name="fpga",namespace="drivers"} 0',
  ],
  [
    'nodes by state, over all kernels',
    [
      guardedModule(
        {},
        {
          status: {
            kernels: [
              kernel('Loaded', { nodes: { targets: 3, loaded: 3, failed: 0, waiting: 0 } }),
              kernel('Loading', { nodes: { targets: 4, loaded: 2, failed: 1, waiting: 1 } }),
            ],
          },
        },
      ),
    ],
    'kmm_module_nodes{name="fpga",namespace="drivers",state="loaded"} 5',
  ],
  [
    'kernels by phase',
    [guardedModule({}, { status: { kernels: [kernel('BuildFailed', { reason: 'OutOfMemory' })] } })],
    'kmm_kernels{phase="BuildFailed"} 1',
  ],
  [
    'what waits for a person, by reason',
    [
      guardedModule(
        {},
        { status: { kernels: [kernel('BuildFailed', { reason: 'OutOfMemory' }), kernel('Loaded')] } },
      ),
    ],
    'kmm_kernels_held{reason="OutOfMemory"} 1',
  ],
  [
    'also outside of its run',
    [guardedModule({}, { status: { kernels: [kernel('Building', { reason: 'SecretMissing' })] } })],
    'kmm_kernels_held{reason="SecretMissing"} 1',
  ],
])('%s', async (_name, modules, line) => {
  expect(await linesOf(() => modules)).toContain(line)
})

test('a Module that cannot be read is counted, and is not Ready', async () => {
  const lines = await linesOf(() => [guardedModule()], [unreadableModule()])
  expect(lines).toContain('kmm_module_num 2')
  expect(lines.filter((line) => line.startsWith('kmm_module_ready'))).toHaveLength(1)
})

test('nothing is left of a Module that is gone', async () => {
  let modules: Module[] = [withSpec(container({ modprobe: { args: { load: ['-v'] } } }))]
  const registry = new Registry()
  addClusterMetrics(registry, { modules: () => modules, unreadableModules: () => [], nodes: () => [] })
  expect(await registry.metrics()).toContain('fpga')
  modules = []
  const text = await registry.metrics()
  expect(text).not.toContain('fpga')
  expect(text).toContain('kmm_module_num 0')
})

test('nodes that are left out, by field, and no others', async () => {
  const nodes = [testNode(), testNode({ name: 'n2', kernel: '', invalid: 'kernelVersion' })]
  const lines = await linesOf(() => [], [], nodes)
  expect(lines.filter((line) => line.startsWith('kmm_nodes_invalid'))).toEqual([
    'kmm_nodes_invalid{field="kernelVersion"} 1',
  ])
})
