import { describe, expect, test } from 'vitest'
import type { KernelStatus } from '../../api/module.ts'
import { readyLabel } from '../../api/names.ts'
import { moduleConfigHash } from '../../api/nodeModulesConfig.ts'
import {
  cordoned,
  guardedModule,
  testBuildPod,
  testCluster,
  testConfig,
  testKernel,
  testNode,
  testRecord,
  testRef,
  testWorkerPod,
  unreadableModule,
  type TestCluster,
} from '../../api/testCluster.ts'
import { createStyle } from '../output/style.ts'
import { explain, type WhyReport } from './checklist.ts'
import { drawReport } from './drawReport.ts'
import { moduleFacts, type WhyFacts } from './facts.ts'

const now = Date.parse('2026-01-01T01:00:00Z')
const image = `reg.example/fpga:${testKernel}`
const digest = `sha256:${'1'.repeat(64)}`
const build = { dockerfileConfigMap: { name: 'dockerfile' } }
const dockerfile = { namespace: 'drivers', name: 'dockerfile', dockerfile: 'FROM scratch' }
const operator = {
  namespace: 'kmm-operator-system',
  lease: { holder: 'operator-1', renewedAt: '2026-01-01T00:59:55Z' },
}

const about = (change: Partial<WhyFacts> = {}): Omit<WhyFacts, 'cluster'> => ({
  ref: testRef,
  now,
  gaps: new Map(),
  namespace: { podSecurity: 'privileged', ending: false },
  operator,
  secrets: new Map(),
  serviceAccounts: new Map(),
  ...change,
})

function ask(things: TestCluster, change: Partial<WhyFacts> = {}, node?: string): WhyReport {
  const facts = moduleFacts({ ...about(change), cluster: testCluster(things) }, node)
  if (facts === undefined) throw new Error('the Module is gone')
  return explain(facts)
}

/** A Module whose kernel stands like this in status, with one node and no record. */
const at = (entry: Partial<KernelStatus>, mapping: object = { build }): TestCluster => ({
  modules: [
    guardedModule(
      { mapping: mapping as Record<string, unknown> },
      { status: { kernels: [{ kernel: testKernel, phase: 'Building', image, ...entry }] } },
    ),
  ],
  configMaps: [dockerfile],
})
const verified = { phase: 'Loading', digest } as const
/** The same with a verified image, and this as the record of the node. */
const onNode = (change: TestCluster): TestCluster => ({ ...at(verified, {}), ...change })
const failure = (change: object) =>
  testRecord(testConfig(), {
    failure: {
      action: 'Load',
      configHash: moduleConfigHash(testConfig()),
      bootId: 'b1',
      reason: 'KeyRejected',
      message: 'modprobe: key was rejected',
      at: '2026-01-01T00:50:00Z',
      attempts: 1,
      ...change,
    },
  })
const building = (reason: string, message = 'said so') =>
  ({ phase: 'Building', reason, message, buildPod: 'fpga-build-1' }) as const
const held = (reason: string) =>
  ({
    phase: 'BuildFailed',
    reason,
    message: 'it failed',
    buildPod: 'fpga-build-1',
    errorLines: 'a.c:1: error',
  }) as const

interface Expected {
  readonly check: string
  readonly reason: string
  readonly says?: RegExp
  readonly helps?: RegExp
  readonly verdict?: WhyReport['verdict']
}

type Cause = readonly [string, TestCluster, Expected, Partial<WhyFacts>?]
const module = guardedModule()
const { finalizers: _finalizers, ...unguarded } = module.metadata
const selecting = { spec: { selector: { accelerator: 'fpga', zone: 'a' } } }
const taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' }

describe('the first thing that fails, in words, with the command that helps', () => {
  const causes: readonly Cause[] = [
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
      { operator: { ...operator, lease: { holder: 'operator-1', renewedAt: '2026-01-01T00:30:00Z' } } },
    ],
    [
      'the operator ended in order',
      { modules: [module] },
      {
        check: 'operator',
        reason: 'OperatorDown',
        says: /^The operator ended 30s ago and gave its Lease up/,
      },
      { operator: { ...operator, lease: { holder: '', renewedAt: '2026-01-01T00:59:30Z' } } },
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
    [
      'a kernel without mapping',
      at({ phase: 'NoNodes', reason: 'NoMapping' }, { regexp: '^5' }),
      { check: 'kernel mapping', reason: 'NoMapping', says: /kernel 6.1.0-1-amd64; there are: \^5/ },
    ],
    [
      'a mapping that breaks a rule',
      at({}, { regexp: '(' }),
      { check: 'kernel mapping', reason: 'RegexpInvalid' },
    ],
    [
      'an unknown variable',
      at({}, { containerImage: 'reg.example/a:$NOPE' }),
      { check: 'template', reason: 'TemplateInvalid', says: /unknown variable NOPE/ },
    ],
    [
      'an image that is no reference',
      at({}, { containerImage: 'reg.example/A B:1' }),
      { check: 'image', reason: 'ImageReferenceInvalid' },
    ],
    [
      'nodes of two architectures',
      { ...at({}), nodes: [testNode(), testNode({ name: 'n2', uid: 'n2', architecture: 'arm64' })] },
      { check: 'architecture', reason: 'MixedArchitectures', says: /amd64, arm64/ },
    ],
    [
      'an image for other architectures',
      at({ phase: 'WaitingForImage', reason: 'ArchitectureMissing', message: 'only arm64' }),
      { check: 'architecture', reason: 'ArchitectureMissing' },
    ],
    ...['RegistryUnreachable', 'RegistryUnauthorized', 'RegistryRateLimited'].map((reason): Cause => [
      `the registry: ${reason}`,
      at({ phase: 'CheckingImage', reason, message: 'it says no' }),
      { check: 'registry', reason, says: /it says no/ },
    ]),
    [
      'an image that is not there, and nothing builds it',
      at({ phase: 'WaitingForImage', reason: 'ImageMissing', message: 'does not exist' }, {}),
      { check: 'registry', reason: 'ImageMissing', helps: /^crane digest reg.example\/fpga/ },
    ],
    [
      'a node that tries the pull for the operator',
      at({ phase: 'CheckingImage', reason: 'ImageBeingPulled', message: 'node n1 pulls' }),
      { check: 'registry', reason: 'ImageBeingPulled', verdict: 'waits' },
    ],
    [
      'nobody has asked yet',
      { modules: [module] },
      { check: 'registry', reason: 'Pending', verdict: 'waits' },
    ],
    [
      'another Module builds the image',
      at(building('ImageClaimed', 'is being built for Module a/b')),
      { check: 'claim', reason: 'ImageClaimed', says: /a\/b/, verdict: 'waits' },
    ],
    [
      'another Module has built it from other inputs',
      at({ phase: 'InputInvalid', reason: 'ImageContested', message: 'one reference cannot be both' }),
      { check: 'claim', reason: 'ImageContested', helps: /retry fpga/ },
    ],
    [
      'no ConfigMap with the Dockerfile',
      { ...at({ phase: 'InputInvalid' }), configMaps: [] },
      { check: 'Dockerfile', reason: 'DockerfileConfigMapMissing', helps: /create configmap dockerfile/ },
    ],
    [
      'a ConfigMap without the key',
      { ...at({ phase: 'InputInvalid' }), configMaps: [{ namespace: 'drivers', name: 'dockerfile' }] },
      { check: 'Dockerfile', reason: 'DockerfileKeyMissing' },
    ],
    [
      'a Secret that does not exist',
      at(building(''), { build: { ...build, secrets: [{ name: 'token' }] } }),
      { check: 'secrets', reason: 'SecretMissing', says: /Secret drivers\/token does not exist/ },
      { secrets: new Map([['token', false]]) },
    ],
    [
      'a Secret that cannot be used',
      at(building('SecretKeyMissing', 'has no key .dockerconfigjson')),
      { check: 'secrets', reason: 'SecretKeyMissing' },
    ],
    [
      'no node can take the build pod',
      at(building('Unschedulable', '0/3 nodes are available')),
      { check: 'build', reason: 'Unschedulable', helps: /describe pod fpga-build-1/ },
    ],
    [
      'the executor cannot be pulled',
      at(building('ImagePullBackOff', 'Back-off pulling image kaniko')),
      { check: 'build', reason: 'ImagePullBackOff' },
    ],
    [
      'a quota refuses the build pod',
      at(building('PodRefusedByQuota', 'exceeded quota: q')),
      { check: 'build', reason: 'PodRefusedByQuota' },
    ],
    [
      'a build that waits for its turn',
      at(building('BuildQueued', '1 build is before it')),
      { check: 'build', reason: 'BuildQueued', verdict: 'waits' },
    ],
    [
      'a build that the cluster ended goes on by itself',
      at(building('Evicted', 'low on memory')),
      { check: 'build', reason: 'Evicted', verdict: 'waits' },
    ],
    [
      'a build that runs',
      { ...at({ phase: 'Building', buildPod: 'fpga-build-1' }), pods: [testBuildPod()] },
      { check: 'build', reason: 'Building', helps: /logs fpga/, verdict: 'waits' },
    ],
    [
      'a build that failed, with its error lines',
      {
        ...at(held('CompileFailed')),
        pods: [testBuildPod({ state: { kind: 'failed', message: '', finishedAt: '' } })],
      },
      { check: 'build', reason: 'CompileFailed', helps: /retry fpga -n drivers --kernel '6.1.0-1-amd64'/ },
    ],
    ['a build that was refused the push', at(held('PushRefused')), { check: 'build', reason: 'PushRefused' }],
    [
      'a build that was cancelled',
      at({ phase: 'Cancelled', reason: 'Cancelled' }),
      { check: 'build', reason: 'Cancelled', helps: /retry fpga/ },
    ],
    [
      'a kmod image that the node cannot pull',
      onNode({
        pods: [
          testWorkerPod('Load', testConfig(), {
            state: { kind: 'pending', reason: 'ImagePullBackOff', message: 'not found' },
            access: '',
          }),
        ],
      }),
      { check: 'worker pod', reason: 'ImagePullBackOff', helps: /describe pod kmm-worker-fpga/ },
    ],
    [
      'a ServiceAccount that does not exist',
      onNode({}),
      { check: 'worker pod', reason: 'ServiceAccountMissing', helps: /create serviceaccount default/ },
      { serviceAccounts: new Map([['default', false]]) },
    ],
    [
      'a worker pod that is refused',
      onNode(at({ ...verified, reason: 'PodRefusedByQuota', message: 'exceeded quota: q' }, {})),
      { check: 'worker pod', reason: 'PodRefusedByQuota' },
    ],
    [
      'a worker pod that runs',
      onNode({ pods: [testWorkerPod('Load', testConfig(), { state: { kind: 'running' } })] }),
      { check: 'worker pod', reason: 'Loading', verdict: 'waits' },
    ],
    [
      'a worker pod that the cluster ended',
      onNode({ records: [failure({ reason: 'Evicted', retryAt: '2026-01-01T01:01:00Z' })] }),
      { check: 'worker pod', reason: 'Evicted', verdict: 'waits' },
    ],
    [
      'a module in use',
      onNode({
        records: [
          failure({ reason: 'InUse', message: 'in use by dm_fpga', retryAt: '2026-01-01T01:01:00Z' }),
        ],
      }),
      { check: 'in use by', reason: 'InUse', says: /dm_fpga/, verdict: 'waits' },
    ],
    ...['KeyRejected', 'VermagicMismatch', 'UnknownSymbol', 'NoModulesForKernel', 'FirmwareConflict'].map(
      (reason): Cause => [
        `what the loader says: ${reason}`,
        onNode({ records: [failure({ reason })] }),
        { check: 'modprobe', reason, helps: /retry fpga/ },
      ],
    ),
    [
      'a node that is not Ready',
      onNode({ nodes: [testNode({ ready: false })] }),
      { check: 'node', reason: 'NodesUnreachable', verdict: 'waits' },
    ],
  ]

  for (const [name, things, expected, change] of causes) {
    test(name, () => {
      const report = ask(things, change)
      expect({ check: report.first?.check, reason: report.first?.reason }).toEqual({
        check: expected.check,
        reason: expected.reason,
      })
      expect(report.verdict).toBe(expected.verdict ?? 'fails')
      expect(report.first?.says).toMatch(expected.says ?? /./)
      if (expected.helps !== undefined) {
        expect(report.first?.commands).toContainEqual(expect.stringMatching(expected.helps))
      }
    })
  }
})

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
    operator: { ...operator, lease: { holder: 'operator-1', renewedAt: '2026-01-01T00:00:00Z' } },
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
  const lease = { holder: '', renewedAt: '2026-01-01T00:00:00Z' }
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
  const text = drawReport(ask(at(held('CompileFailed'))), style)
  expect(text).toContain('Module drivers/fpga\n  ✔ definition     it can be read\n')
  expect(text).toContain('  ✘ build          CompileFailed: it failed\n')
  expect(text).toContain('a.c:1: error\n')
  expect(text).toMatch(
    /\n\nFails first: Kernel 6.1.0-1-amd64, build: CompileFailed\nWhat helps:\n {2}kubectl kmod logs fpga/,
  )
})
