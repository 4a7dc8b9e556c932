import { describe, expect, test } from 'vitest'
import { moduleFinalizer } from '../../api/names.ts'
import { testRef } from '../../api/testCluster.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import { drivers, standing } from '../testing/drivers.ts'
import { planUninstall, type PlanOptions, type UninstallStep } from './plan.ts'
import { moduleWaits, waitLines } from './remains.ts'
import { rightsFor } from './rights.ts'
import type { DeploymentObject, NodeOfCluster, PodOfCluster, UninstallSnapshot } from './snapshot.ts'

const now = Date.parse('2026-01-01T00:10:00Z')
const operatorNamespace = 'kmm'
const own = { 'app.kubernetes.io/part-of': 'kmm' }

function object(name: string, more: Partial<StoredObject['metadata']> = {}): StoredObject {
  return { metadata: { name, uid: `uid-${name}`, resourceVersion: '1', labels: own, ...more } }
}

const deployment = (
  change: { replicas?: number; container?: string; readyReplicas?: number; namespace?: string } = {},
) =>
  ({
    ...object('kmm-operator-controller', { namespace: change.namespace ?? operatorNamespace }),
    spec: {
      replicas: change.replicas ?? 2,
      selector: { matchLabels: { app: 'kmm' } },
      template: { spec: { containers: [{ name: change.container ?? 'operator' }] } },
    },
    status: { readyReplicas: change.readyReplicas ?? 0 },
  }) satisfies DeploymentObject

const lease = (renewTime: string, holderIdentity = 'operator-1') => ({
  ...object('kmm.sigs.x-k8s.io', { namespace: operatorNamespace }),
  spec: { holderIdentity, renewTime, leaseDurationSeconds: 15 },
})

/** The Module drivers/fpga, loaded on nodes n1 and n2, and an operator that is alive. */
function snapshot(change: Partial<UninstallSnapshot> = {}): UninstallSnapshot {
  const objects = drivers(standing.loaded, 2)
  const of = <T>(plural: string) => (objects[plural] ?? []) as readonly T[]
  return {
    server: 'https://api',
    now,
    operatorNamespace,
    deployments: [deployment()],
    operatorPods: [object('operator-1'), object('operator-2')] as PodOfCluster[],
    lease: lease('2026-01-01T00:09:55Z'),
    election: true,
    cluster: 'c1',
    modules: of('modules'),
    records: of('nodemodulesconfigs'),
    nodes: of<NodeOfCluster>('nodes'),
    pods: [],
    daemonSets: [],
    namespaces: [object('drivers')],
    leases: [],
    installation: [{ ...object('kmm-module'), of: kinds.configMaps }],
    definitions: [object('modules.kmm.sigs.x-k8s.io')],
    release: undefined,
    namespace: object(operatorNamespace),
    others: [],
    ...change,
  }
}

const unload: PlanOptions = { way: 'unload', keepDefinitions: false }
const keepLoaded: PlanOptions = { way: 'keepLoaded', keepDefinitions: false }

function stepsOf(of: UninstallSnapshot, options: PlanOptions) {
  const plan = planUninstall(of, options)
  if (plan.kind === 'refused') throw new Error(plan.why)
  return plan
}
const names = (steps: readonly UninstallStep[]) =>
  steps.map((step) => (step.kind === 'release' ? step.group : step.kind))

describe('order', () => {
  const rest = ['records', 'unlabelNodes', 'unlabelNamespaces', 'terminateRuns']
  const last = ['installation', 'definitions', 'namespace']

  test('unload: the operator stops when nothing is left to unload', () => {
    const { steps } = stepsOf(snapshot(), unload)
    expect(names(steps)).toEqual(['deleteModules', 'awaitModules', 'stopOperator', ...rest, ...last])
  })

  test('keepLoaded: the operator stops before anything is touched', () => {
    const { steps, stays } = stepsOf(snapshot(), keepLoaded)
    expect(names(steps)).toEqual(['stopOperator', 'Modules', ...rest, ...last])
    expect(stays).toEqual(['Modules in the kernels of nodes, until the next boot of each node.'])
  })
})

describe('resuming: only what is left is planned', () => {
  test('Modules that are being deleted are not deleted again', () => {
    const [module] = snapshot().modules
    const deleted = { ...module, metadata: { ...module?.metadata, deletionTimestamp: 'now' } }
    const { steps } = stepsOf(snapshot({ modules: [deleted as StoredObject] }), unload)
    expect(names(steps).slice(0, 2)).toEqual(['awaitModules', 'stopOperator'])
  })

  test('an operator that has stopped is not stopped again, nor missed when no Module is left', () => {
    const stopped = { deployments: [deployment({ replicas: 0 })], operatorPods: [], lease: undefined }
    const { steps } = stepsOf(snapshot({ ...stopped, modules: [], records: [] }), unload)
    expect(names(steps)[0]).toBe('unlabelNodes')
  })

  test('one that has not quite ended is waited for', () => {
    const { steps } = stepsOf(snapshot({ deployments: [deployment({ replicas: 0 })] }), keepLoaded)
    expect(steps[0]).toMatchObject({ kind: 'stopOperator', replicas: 0, pods: ['operator-1', 'operator-2'] })
  })

  test('when nothing is left nothing is planned, not even in Temporal', () => {
    const nothing = {
      deployments: [],
      operatorPods: [],
      lease: undefined,
      modules: [],
      records: [],
      nodes: [],
    }
    const gone = { namespaces: [], installation: [], definitions: [], namespace: undefined }
    expect(stepsOf(snapshot({ ...nothing, ...gone }), unload)).toMatchObject({ steps: [], stays: [] })
  })
})

describe('refused', () => {
  test.each<[string, Partial<UninstallSnapshot>, PlanOptions, RegExp]>([
    ['the Lease has run out', { lease: lease('2026-01-01T00:09:00Z') }, unload, /replicas=1.*--keep-loaded/],
    ['the Lease was given up', { lease: lease('2026-01-01T00:09:59Z', '') }, unload, /replicas=1/],
    ['there is no Lease', { lease: undefined }, unload, /replicas=1/],
    ['the operator is gone', { lease: undefined, deployments: [] }, unload, /Install the operator again/],
    ['no replica is Ready, without election', { election: false }, unload, /replicas=1/],
    ['an operator without a Deployment acts', { deployments: [] }, keepLoaded, /Stop its process/],
    ['KMM itself is installed', { deployments: [deployment({ container: 'manager' })] }, keepLoaded, /KMM/],
    [
      'KMM is beside it',
      { deployments: [deployment(), deployment({ container: 'manager', namespace: 'x' })] },
      unload,
      /KMM/,
    ],
    [
      'the operator is elsewhere',
      { deployments: [deployment({ namespace: 'x' })] },
      unload,
      /--operator-namespace x/,
    ],
    [
      'there are two',
      { deployments: [deployment(), deployment({ namespace: 'x' })] },
      unload,
      /-n x delete deployment/,
    ],
  ])('%s', (_name, change, options, fix) => {
    expect(planUninstall(snapshot(change), options)).toMatchObject({
      kind: 'refused',
      fix: expect.stringMatching(fix),
    })
  })

  test.each<[string, Partial<UninstallSnapshot>, PlanOptions]>([
    ['the Lease is renewed', {}, unload],
    [
      'a replica is Ready, without election',
      { election: false, deployments: [deployment({ readyReplicas: 1 })] },
      unload,
    ],
    ['a process without a Deployment unloads', { deployments: [] }, unload],
    ['nobody is live, and nothing is to be unloaded', { lease: undefined }, keepLoaded],
  ])('not when %s', (_name, change, options) => {
    expect(planUninstall(snapshot(change), options).kind).toBe('steps')
  })
})

describe('the installation', () => {
  test("a release of Helm's is left to it, but for the definitions, which it keeps", () => {
    const release = { name: 'r', namespace: operatorNamespace }
    const { steps, stays } = stepsOf(snapshot({ release }), unload)
    expect(names(steps).slice(-2)).toEqual(['definitions', 'helmUninstall'])
    expect(steps.at(-1)).toMatchObject({ command: `helm uninstall r -n ${operatorNamespace}` })
    expect(stays[0]).toContain('Objects that Helm does not know: kmm-module.')
  })

  test('definitions are kept when that is asked for', () => {
    const { steps, stays } = stepsOf(snapshot(), { ...unload, keepDefinitions: true })
    expect(names(steps)).not.toContain('definitions')
    expect(stays).toEqual(['The definitions modules.kmm.sigs.x-k8s.io (--keep-definitions).'])
  })

  test.each<[string, Partial<UninstallSnapshot>, string]>([
    [
      'did not come with the manifests',
      { namespace: object(operatorNamespace, { labels: {} }) },
      'manifests',
    ],
    [
      'holds objects of others',
      { others: ['pods/temporal-0', 'secrets/tls'] },
      'pods/temporal-0, secrets/tls',
    ],
  ])('a namespace that %s stays', (_name, change, why) => {
    const { steps, stays } = stepsOf(snapshot(change), unload)
    expect(names(steps)).not.toContain('namespace')
    expect(stays).toEqual([expect.stringContaining(why)])
  })
})

describe('nodes that are away', () => {
  const [first, second] = snapshot().nodes
  const away = {
    ...second,
    status: { ...second?.status, conditions: [{ type: 'Ready', status: 'Unknown' }] },
  }

  test.each<[string, readonly (NodeOfCluster | undefined)[], string]>([
    ['is not Ready', [first, away as NodeOfCluster], 'Node n2 is not Ready.'],
    ['is gone', [first], 'Node n2 is gone.'],
  ])('a node that %s is named, with the way out', (_name, nodes, says) => {
    const of = snapshot({ nodes: nodes.flatMap((node) => node ?? []) })
    for (const options of [unload, keepLoaded])
      expect(stepsOf(of, options).warnings).toEqual([expect.stringContaining(says)])
    const lines = moduleWaits(of).flatMap(waitLines)
    expect(lines[0]).toBe('Module drivers/fpga: 2 nodes left: n1, n2')
    expect(lines[1]).toContain(says)
    expect(lines[2]).toContain("annotate module fpga kmm.sigs.x-k8s.io/force-finalize='why'")
  })

  test('nothing is in the way while all are Ready', () => {
    expect(moduleWaits(snapshot())).toEqual([
      { module: testRef, nodes: ['n1', 'n2'], away: [], pods: [], reasons: [] },
    ])
  })

  test("why a Module hangs: a kernel's reason, and finalizers of others", () => {
    const [module] = drivers(standing.held)['modules'] as readonly StoredObject[]
    const finalizers = [moduleFinalizer, 'example.com/other']
    const held = { ...module, metadata: { ...module?.metadata, finalizers } } as StoredObject
    expect(moduleWaits(snapshot({ modules: [held], records: [] }))[0]?.reasons).toEqual([
      expect.stringContaining('CompileFailed: It does not compile.'),
      'finalizers of others: example.com/other',
    ])
  })
})

test('a worker pod that is at work is told of when it is ended', () => {
  const labels = { ...own, 'kmm.node.kubernetes.io/worker-action': 'Load' }
  const pod = (name: string, phase: string) => ({
    ...object(name, { namespace: 'drivers', labels }),
    status: { phase },
  })
  const pods = [pod('busy', 'Running'), pod('ended', 'Succeeded')] as PodOfCluster[]
  expect(stepsOf(snapshot({ pods }), keepLoaded).warnings).toEqual([
    'Worker pod drivers/busy has not ended its Load: it is ended where it is.',
  ])
})

test('rights: each once, in the namespace of what is changed', () => {
  const { steps } = stepsOf(snapshot(), keepLoaded)
  const words = rightsFor(steps).map(
    ({ verb, kind, namespace = '*' }) => `${verb} ${kind.plural} ${namespace}`,
  )
  expect(words).toEqual([
    'patch deployments kmm',
    'watch pods kmm',
    'get modules drivers',
    'patch modules drivers',
    'delete modules drivers',
    'get nodemodulesconfigs *',
    'patch nodemodulesconfigs *',
    'delete nodemodulesconfigs *',
    'patch nodes *',
    'patch namespaces *',
    'delete configmaps *',
    'delete customresourcedefinitions *',
    'delete namespaces *',
  ])
})
