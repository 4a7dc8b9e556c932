import { expect, test } from 'vitest'
import { withEntriesInForce } from './entriesInForce.ts'
import type { KernelStatus } from './module.ts'
import {
  guardedModule,
  testCluster,
  testConfig,
  testKernel,
  testNode,
  testRecord,
  type TestCluster,
} from './testCluster.ts'

const image = `reg.example/fpga:${testKernel}`
const digest = `sha256:${'1'.repeat(64)}`
const config = testConfig()
const loaded = testRecord(config, { config, bootId: 'b1' })
const entry: KernelStatus = { kernel: testKernel, phase: 'Loaded', image, digest }
type Spec = Parameters<typeof guardedModule>[0]

test.each<[string, Spec, KernelStatus, TestCluster, KernelStatus['phase']]>([
  ['as it was', {}, entry, {}, 'Loaded'],
  ['another image', { mapping: { containerImage: 'reg.example/fpga:2' } }, entry, {}, 'CheckingImage'],
  ['another trigger', { spec: { imageRebuildTriggerGeneration: 2 } }, entry, {}, 'CheckingImage'],
  [
    'another configuration',
    { container: { modprobe: { moduleName: 'fpga', parameters: ['debug=1'] } } },
    entry,
    {},
    'Loading',
  ],
  ['one more node', {}, entry, { nodes: [testNode(), testNode({ name: 'n2', uid: 'u2' })] }, 'Loading'],
  ['no node any more', {}, entry, { nodes: [] }, 'Loaded'],
  ['a mapping at last', {}, { kernel: testKernel, phase: 'NoNodes' }, {}, 'CheckingImage'],
  ['what is no rest is left to its run', {}, { kernel: testKernel, phase: 'Building' }, {}, 'Building'],
])('an entry as far as it holds for the Module as it is: %s', (_name, spec, stored, things, phase) => {
  const module = guardedModule(spec, { status: { kernels: [stored] } })
  const cluster = testCluster({ modules: [module], records: [loaded], ...things })
  const held = withEntriesInForce(cluster, module)
  expect(held.status?.kernels).toMatchObject([{ kernel: testKernel, phase }])
  expect(held === module).toBe(phase === stored.phase)
})
