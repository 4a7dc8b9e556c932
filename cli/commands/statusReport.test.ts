import { expect, test } from 'vitest'
import { readyLabel } from '../../api/names.ts'
import {
  guardedModule,
  testBuildPod,
  testCluster,
  testConfig,
  testKernel,
  testNode,
  testRecord,
  testRef,
} from '../../api/testCluster.ts'
import { createStyle } from '../output/style.ts'
import { reportStatus, statusTree, type StatusReport } from './statusReport.ts'

const now = Date.parse('2026-01-01T00:10:00Z')
const style = createStyle({ stdout: {} as NodeJS.WriteStream, env: {} })
const draw = (report: StatusReport | undefined, wide = false) =>
  report === undefined ? 'gone' : statusTree(report, { style, now, wide })
const digest = `sha256:${'1'.repeat(64)}`
const image = `reg.example/fpga:${testKernel}`
const status = (entry: object) => ({
  kernels: [{ kernel: testKernel, phase: 'Loaded' as const, image, since: '2026-01-01T00:05:00Z', ...entry }],
})

test('a Module that is gone, and one that no node wants', () => {
  expect(draw(reportStatus(testCluster(), testRef))).toBe('gone')
  const module = guardedModule({ spec: { selector: { a: 'b' } } })
  expect(draw(reportStatus(testCluster({ modules: [module] }), testRef))).toBe(
    'Module drivers/fpga  not looked at yet\n└─ no kernel concerns it: no node matches its selector',
  )
})

test('a failed build with its error lines, and the nodes that wait for it', () => {
  const entry = { phase: 'BuildFailed', reason: 'CompileFailed', message: 'no', errorLines: 'a.c:1: error\n' }
  const module = guardedModule({}, { status: status(entry) })
  const pods = [testBuildPod({ state: { kind: 'failed', message: '', finishedAt: '' } })]
  expect(draw(reportStatus(testCluster({ modules: [module], pods }), testRef))).toBe(
    [
      'Module drivers/fpga  not looked at yet',
      `└─ Kernel ${testKernel}  BuildFailed  5m0s`,
      '   ├─ CompileFailed: no',
      `   ├─ image  ${image}  not verified`,
      '   ├─ build  attempt 2 in pod fpga-build-1 failed',
      '   │  └─ a.c:1: error',
      '   └─ nodes  0 of 1 loaded',
      '      └─ n1  waits for the image',
    ].join('\n'),
  )
})

test('warnings, and not what is as it should be', () => {
  const condition = { type: 'ImageOutdated', reason: 'InputsDiffer', message: 'It is old.' }
  const fine = { type: 'BuildNodeDiffers', status: 'False' as const, reason: 'x', message: 'y' }
  const lastTransitionTime = '2026-01-01T00:00:00Z'
  const conditions = [{ ...condition, status: 'True' as const }, fine].map((c) => ({
    ...c,
    lastTransitionTime,
  }))
  const module = guardedModule({}, { status: { ...status({ digest }), conditions } })
  const drawn = draw(reportStatus(testCluster({ modules: [module] }), testRef))
  expect(drawn).toContain('├─ ImageOutdated: It is old.\n└─ Kernel')
  expect(drawn).not.toContain(fine.type)
})

test('many loaded nodes are counted, and named when that is asked for', () => {
  const names = Array.from({ length: 8 }, (_, index) => `node-${index}`)
  const nodes = names.map((name) => testNode({ name, uid: name, labels: { [readyLabel(testRef)]: '' } }))
  const fact = { config: testConfig(), bootId: 'b1' }
  const records = names.map((node) => testRecord(testConfig(), fact, { node }))
  const module = guardedModule({}, { status: status({ digest }) })
  const report = reportStatus(testCluster({ modules: [module], nodes, records }), testRef)
  expect(draw(report)).toContain('nodes  8 of 8 loaded\n      └─ and 8 more loaded (-o wide names them)')
  expect(draw(report, true)).toContain('├─ node-0  loaded')
})
