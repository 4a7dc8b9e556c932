import { describe, expect, test } from 'vitest'
import {
  cordoned,
  guardedModule,
  testConfig,
  testNode,
  testRecord,
  unreadableModule,
} from '../../api/testCluster.ts'
import { ask, module, operator, selecting, taint, testCauses, unguarded } from './testing/whyTest.ts'

const invalid = {
  ...operator,
  invalidConfiguration: {
    configMap: 'kmm-operator-manager-config',
    faults: ['maxParallel: wrong', 'job: wrong'],
  },
}

test('an operator that runs with its last valid configuration is no reason for a Module', () => {
  const report = ask({ modules: [module] }, { operator: invalid })
  const found = report.sections[0]?.findings.find(({ check }) => check === 'operator')
  expect(found).toMatchObject({ state: 'unknown', details: 'maxParallel: wrong\njob: wrong' })
  expect(report.first).toEqual(ask({ modules: [module] }).first)
})

test('policies that are not in force are named, and are no reason for a Module', () => {
  const report = ask(
    { modules: [module] },
    { operator: { ...operator, missingPolicies: ['kmm-operator-pods'] } },
  )
  const found = report.sections[0]?.findings.find(({ check }) => check === 'operator')
  expect(found).toMatchObject({ state: 'unknown', says: expect.stringContaining('kmm-operator-pods') })
  expect(report.first).toEqual(ask({ modules: [module] }).first)
})

test('a node whose kubelet reports what none reports is named, and fails only where it is the only one', () => {
  const bad = testNode({ name: 'bad', uid: 'node-2', kernel: '', invalid: 'kernelVersion' })
  const found = (nodes: readonly ReturnType<typeof testNode>[]) =>
    ask({ modules: [module], nodes }).sections[0]?.findings.find(({ check }) => check === 'selector')
  const says = expect.stringMatching(/^Node bad: status\.nodeInfo\.kernelVersion is not of the form/)
  expect(found([testNode(), bad])).toMatchObject({ state: 'unknown', says })
  expect(found([bad])).toMatchObject({ state: 'fails', reason: 'NodeInfoInvalid', says })
})

describe('the first thing that fails of the Module and where it may be', () => {
  testCauses([
    [
      'stored before a rule that it breaks',
      { unreadable: [unreadableModule()] },
      { check: 'definition', reason: 'SpecInvalid', helps: /edit module fpga/ },
    ],
    [
      'no module loader',
      { modules: [guardedModule({ spec: { moduleLoader: undefined } })] },
      { check: 'definition', reason: 'NoModuleLoader' },
    ],
    [
      'being deleted, and a node that is away keeps it',
      {
        modules: [guardedModule({}, { deleting: true })],
        nodes: [testNode({ ready: false })],
        records: [testRecord(testConfig(), { config: testConfig(), bootId: 'b1' })],
      },
      { check: 'deletion', reason: 'Deleting', helps: /force-finalize/, verdict: 'waits' },
    ],
    [
      'the operator is down',
      { modules: [module] },
      {
        check: 'operator',
        reason: 'OperatorDown',
        says: /^operator-1 has not renewed its Lease for 30m/,
        helps: /-n kmm-operator-system get pods/,
      },
      {
        operator: {
          ...operator,
          lease: { holder: 'operator-1', renewedAt: '2026-01-01T00:30:00Z', seconds: 15 },
        },
      },
    ],
    [
      'the operator does not start with its configuration',
      { modules: [module] },
      {
        check: 'operator',
        reason: 'InvalidConfiguration',
        helps: /-n kmm-operator-system edit configmap kmm-operator-manager-config/,
      },
      { operator: { ...invalid, lease: undefined } },
    ],
    [
      'the operator went down, and its configuration is not valid',
      { modules: [module] },
      { check: 'operator', reason: 'InvalidConfiguration' },
      {
        operator: {
          ...invalid,
          lease: { holder: 'operator-1', renewedAt: '2026-01-01T00:30:00Z', seconds: 15 },
        },
      },
    ],
    [
      'a Lease that nobody has taken for twice its time',
      { modules: [module] },
      { check: 'operator', reason: 'OperatorDown', says: /^operator-1 has not renewed its Lease for 31s/ },
      {
        operator: {
          ...operator,
          lease: { holder: 'operator-1', renewedAt: '2026-01-01T00:59:29Z', seconds: 15 },
        },
      },
    ],
    [
      'the operator ended in order',
      { modules: [module] },
      {
        check: 'operator',
        reason: 'OperatorDown',
        says: /^The operator ended 30s ago and gave its Lease up/,
      },
      { operator: { ...operator, lease: { holder: '', renewedAt: '2026-01-01T00:59:30Z', seconds: 15 } } },
    ],
    [
      'no operator is installed',
      { modules: [{ ...module, metadata: unguarded }] },
      { check: 'operator', reason: 'OperatorDown', says: /there is no Lease in namespace/ },
      { operator: { namespace: 'kmm-operator-system', lease: undefined } },
    ],
    [
      'not looked at yet',
      { modules: [{ ...module, metadata: unguarded }] },
      { check: 'operator', reason: 'NotSeenYet', says: /not looked at the Module yet/, verdict: 'waits' },
    ],
    [
      'a change that was not acted on',
      {
        modules: [
          guardedModule(
            {},
            {
              status: {
                conditions: [
                  {
                    type: 'Ready',
                    status: 'True',
                    reason: 'Loaded',
                    message: '',
                    observedGeneration: 2,
                    lastTransitionTime: '2026-01-01T00:00:00Z',
                  },
                ],
              },
            },
          ),
        ],
      },
      { check: 'operator', reason: 'NotSeenYet', says: /generation 2, the Module has 3/, verdict: 'waits' },
    ],
    [
      'the namespace refuses the pods',
      { modules: [module] },
      {
        check: 'namespace',
        reason: 'PodRefusedByPodSecurity',
        says: /enforces Pod Security "baseline"/,
        helps: /label --overwrite namespace drivers pod-security/,
      },
      { namespace: { podSecurity: 'baseline', ending: false } },
    ],
    [
      'the namespace is being deleted',
      { modules: [module] },
      { check: 'namespace', reason: 'NamespaceGone' },
      { namespace: { podSecurity: undefined, ending: true } },
    ],
    [
      'a selector that no node matches: the nearest one is named',
      {
        modules: [guardedModule(selecting)],
        nodes: [testNode(), testNode({ name: 'n2', labels: { accelerator: 'fpga', zone: 'b' } })],
      },
      {
        check: 'selector',
        reason: 'NoNodes',
        says: /Nearest is n2: it has zone=b, wanted is zone=a/,
        helps: /label --overwrite node n2 zone=a/,
      },
    ],
    [
      'a taint that is not tolerated',
      { modules: [module], nodes: [testNode({ taints: [taint] })] },
      { check: 'taints', reason: 'NoNodes', says: /Node n1 has the taint gpu=yes:NoSchedule/ },
    ],
    [
      'a cordoned node',
      { modules: [module], nodes: [testNode({ taints: [cordoned] })] },
      { check: 'taints', reason: 'Cordoned', helps: /^kubectl uncordon n1$/, verdict: 'waits' },
    ],
  ])
})

test('what is loaded stays so in a namespace that would refuse the next pod', () => {
  const lastTransitionTime = '2026-01-01T00:00:00Z'
  const ready = { type: 'Ready', status: 'True', reason: 'Loaded', message: '', lastTransitionTime } as const
  const modules = [guardedModule({}, { status: { conditions: [ready] } })]
  const { sections } = ask({ modules }, { namespace: { podSecurity: 'baseline', ending: false } })
  expect(sections[0]?.findings.find(({ check }) => check === 'namespace')).toMatchObject({
    state: 'unknown',
    says: expect.stringContaining('would be refused'),
  })
})
