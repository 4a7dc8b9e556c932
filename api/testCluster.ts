import type { ClusterSnapshot, DockerfileFacts, NodeFacts, PodFacts } from './facts.ts'
import type { Module } from './module.ts'
import { annotations, labels, moduleFinalizer, workerPodName, type ModuleRef } from './names.ts'
import {
  moduleConfigHash,
  type ModuleConfig,
  type ModuleStatusEntry,
  type NodeModulesConfig,
} from './nodeModulesConfig.ts'
import type { UnreadableModule } from './readModule.ts'
import { testModule } from './testModule.ts'
import { accessHash } from './workerPodCommand.ts'

/** The Module of `testModule`. */
export const testRef: ModuleRef = { namespace: 'drivers', name: 'fpga' }
export const testKernel = '6.1.0-1-amd64'

/** A Ready node n1 with the test kernel, in its boot b1. */
export function testNode(change: Partial<NodeFacts> = {}): NodeFacts {
  return {
    name: 'n1',
    uid: 'node-1',
    kernel: testKernel,
    bootId: 'b1',
    architecture: 'amd64',
    osImage: 'Linux',
    ready: true,
    labels: {},
    taints: [],
    ...change,
  }
}

/** The taint of a cordoned node. */
export const cordoned = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

export function testConfig(change: Partial<ModuleConfig> = {}): ModuleConfig {
  return {
    kernelVersion: testKernel,
    containerImage: `reg.example/fpga:${testKernel}@sha256:${'1'.repeat(64)}`,
    insecurePull: false,
    modprobe: { moduleName: 'fpga', dirName: '/opt' },
    ...change,
  }
}

/** A node's record: the config wished for, and what is known of the Module on the node. */
export function testRecord(
  wish: ModuleConfig | undefined,
  fact: Partial<ModuleStatusEntry> | undefined,
  change: { readonly node?: string; readonly ref?: ModuleRef } = {},
): NodeModulesConfig {
  const { node = 'n1', ref = testRef } = change
  const entry = { ...ref, serviceAccountName: 'default' }
  return {
    metadata: { name: node, uid: `record-${node}`, resourceVersion: '1' },
    spec: { modules: wish === undefined ? [] : [{ ...entry, config: wish }] },
    status: { modules: fact === undefined ? [] : [{ ...entry, ...fact }] },
  }
}

/** A build pod of the test Module and kernel. */
export function testBuildPod(change: Partial<PodFacts> = {}): PodFacts {
  return {
    namespace: 'drivers',
    name: 'fpga-build-1',
    uid: 'pod-1',
    resourceVersion: '1',
    labels: { [labels.resourceType]: 'BuildImage', [labels.inputHash]: 'h1', [labels.attempt]: '2' },
    annotations: { [annotations.kernel]: testKernel },
    deleting: false,
    state: { kind: 'running' },
    ...change,
  }
}

/** The worker pod of the test Module on the test node in its boot b1; it has not begun. */
export function testWorkerPod(
  action: 'Load' | 'Unload',
  config: ModuleConfig,
  change: { readonly state?: PodFacts['state']; readonly access?: string } = {},
): PodFacts {
  const { state = { kind: 'pending' }, access = accessHash({ serviceAccountName: 'default' }) } = change
  const node = testNode()
  return {
    namespace: testRef.namespace,
    name: workerPodName(node.uid, testRef),
    uid: 'worker-pod-1',
    resourceVersion: '1',
    nodeName: node.name,
    labels: { [labels.workerAction]: action, [labels.configHash]: moduleConfigHash(config) },
    annotations: {
      [annotations.workerConfig]: JSON.stringify({ action, bootId: node.bootId, config }),
      ...(access === '' ? {} : { [annotations.workerHash]: access }),
    },
    deleting: false,
    runsLoader: true,
    state,
  }
}

/** A Module with its finalizer on, generation 3. */
export function guardedModule(
  overrides: Parameters<typeof testModule>[0] = {},
  change: { readonly status?: Module['status']; readonly deleting?: boolean } = {},
): Module {
  const module = testModule(overrides)
  const { status, deleting = false } = change
  return {
    ...module,
    metadata: {
      ...module.metadata,
      generation: 3,
      finalizers: [moduleFinalizer],
      ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    ...(status === undefined ? {} : { status }),
  }
}

/** The test Module as one that cannot be read. */
export function unreadableModule(
  change: Partial<UnreadableModule> & { readonly deleting?: boolean } = {},
): UnreadableModule {
  const { deleting = false, ...rest } = change
  const { metadata } = guardedModule({}, { deleting })
  return { metadata, faults: [{ field: 'spec.selector', message: 'is missing' }], ...rest }
}

export interface TestCluster {
  readonly modules?: readonly Module[]
  readonly unreadable?: readonly UnreadableModule[]
  readonly nodes?: readonly NodeFacts[]
  readonly records?: readonly NodeModulesConfig[]
  readonly pods?: readonly PodFacts[]
  readonly configMaps?: readonly DockerfileFacts[]
}

/** A snapshot of a cluster with one node and, by default, nothing else; pods belong to the test Module. */
export function testCluster(things: TestCluster = {}): ClusterSnapshot {
  const {
    modules = [],
    unreadable = [],
    nodes = [testNode()],
    records = [],
    pods = [],
    configMaps = [],
  } = things
  const isTest = (ref: ModuleRef) => ref.name === testRef.name && ref.namespace === testRef.namespace
  return {
    module: (ref) =>
      modules.find((m) => m.metadata.name === ref.name && m.metadata.namespace === ref.namespace),
    modules: () => modules,
    unreadable: (ref) =>
      unreadable.find((m) => m.metadata.name === ref.name && m.metadata.namespace === ref.namespace),
    unreadableModules: () => unreadable,
    nodes: () => nodes,
    node: (name) => nodes.find((node) => node.name === name),
    nodeModulesConfig: (node) => records.find((record) => record.metadata.name === node),
    nodeModulesConfigs: () => records,
    pods: (ref) => (isTest(ref) ? pods : []),
    configMap: (namespace, name) =>
      configMaps.find((map) => map.namespace === namespace && map.name === name),
  }
}
