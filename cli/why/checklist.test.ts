import { expect, test } from 'vitest'
import { readyLabel } from '../../api/names.ts'
import {
  guardedModule,
  testConfig,
  testKernel,
  testNode,
  testRecord,
  testRef,
} from '../../api/testCluster.ts'
import { createStyle } from '../output/style.ts'
import { drawReport } from './drawReport.ts'
import { ask, at, failure, held, module, onNode, operator, taint, verified } from './testing/whyTest.ts'

const record = testRecord(testConfig(), { config: testConfig(), bootId: 'b1' })
const labelled = testNode({ labels: { [readyLabel(testRef)]: '' } })
const loadedThings = onNode({
  ...at({ ...verified, phase: 'Loaded' }, {}),
  nodes: [labelled],
  records: [record],
})

test('a Module that is loaded', () => {
  const report = ask(loadedThings)
  expect(report.verdict).toBe('loaded')
  expect(report.sections.at(-1)?.findings.at(-1)).toMatchObject({ check: 'loaded', state: 'ok' })
})

test('one node is asked about: its own selector, its kernel, itself', () => {
  const other = testNode({ name: 'n2', uid: 'n2', kernel: '6.9.0-1-amd64', taints: [taint] })
  const things = { ...loadedThings, nodes: [labelled, other] }
  expect(ask(things, {}, 'n1')).toMatchObject({
    verdict: 'loaded',
    sections: [{}, { kernel: testKernel }, {}],
  })
  expect(ask(things, {}, 'n2').first).toMatchObject({
    check: 'taints',
    says: expect.stringMatching(/^Node n2 has/),
  })
})

test('of many nodes the one that needs a person is shown, and how many there are', () => {
  const second = testNode({ name: 'n2', uid: 'n2' })
  const things = { ...loadedThings, nodes: [labelled, second], records: [record, failure({})] }
  const onSecond = { ...failure({}), metadata: { ...record.metadata, name: 'n2' } }
  const report = ask({ ...things, records: [record, onSecond] })
  expect(report.first).toMatchObject({ where: 'Node n2 (of 2 with this kernel)', reason: 'KeyRejected' })
})

test('a missing right is said, and is no failure of the Module', () => {
  const gaps = new Map([
    ['nodes', { verb: 'list', resource: 'nodes' }],
    ['namespace', { verb: 'get', resource: 'namespaces' }],
  ] as const)
  const report = ask({ modules: [module], nodes: [] }, { gaps, namespace: undefined })
  expect(report.verdict).toBe('unknown')
  const unknowns = report.sections[0]?.findings.filter(({ state }) => state === 'unknown')
  expect(unknowns).toMatchObject([
    { check: 'namespace', says: 'not looked at: you may not get namespaces in the cluster' },
    { check: 'selector', says: 'nodes were not looked at: you may not list nodes in the cluster' },
  ])
})

test('the operator is down: the cause in the cluster is shown as well', () => {
  const report = ask(at(held('CompileFailed')), {
    operator: {
      ...operator,
      lease: { holder: 'operator-1', renewedAt: '2026-01-01T00:00:00Z', seconds: 15 },
    },
  })
  const failing = report.sections.flatMap(({ findings }) => findings.filter(({ state }) => state === 'fails'))
  const lines = report.sections[0]?.findings.map(({ check }) => check)
  expect(lines).toEqual(['definition', 'deletion', 'operator', 'namespace', 'selector', 'taints'])
  expect(failing).toMatchObject([
    { reason: 'OperatorDown' },
    { reason: 'CompileFailed', details: 'a.c:1: error' },
  ])
})

test('a Module that is being deleted: whom it is for is of no matter, that the operator is down is', () => {
  const deleting = guardedModule({ spec: { selector: { no: 'such' } } }, { deleting: true })
  const lease = { holder: '', renewedAt: '2026-01-01T00:00:00Z', seconds: 15 }
  const report = ask({ modules: [deleting], records: [record] }, { operator: { ...operator, lease } })
  expect(report.first).toMatchObject({ reason: 'OperatorDown' })
  expect(report.sections[0]?.findings).toMatchObject([
    { state: 'ok' },
    { reason: 'Deleting' },
    { reason: 'OperatorDown' },
    { state: 'ok' },
    { check: 'selector', state: 'none' },
    { check: 'taints', state: 'none' },
  ])
})

test('the page for people ends with what fails first and what helps', () => {
  const style = createStyle({ stdout: {} as NodeJS.WriteStream, env: {} })
  const text = drawReport(ask(at(held('CompileFailed'))), { style })
  expect(text).toContain('Module drivers/fpga\n  ✔ definition     it can be read\n')
  expect(text).toContain('  ✘ build          CompileFailed: it failed\n')
  expect(text).toContain('a.c:1: error\n')
  expect(text).toMatch(
    /\n\nFails first: Kernel 6.1.0-1-amd64, build: CompileFailed\nWhat helps:\n {2}kubectl kmod logs fpga/,
  )
})
