import type { KernelStatus } from '../../api/module.ts'
import { annotations, apiVersion, labels, moduleFinalizer, readyLabel } from '../../api/names.ts'
import { testConfig, testKernel, testRecord, testRef } from '../../api/testCluster.ts'
import { testModule } from '../../api/testModule.ts'
import type { ApiObjects } from './simulatedApi.ts'

const { namespace } = testRef
const image = `reg.example/fpga:${testKernel}`
const time = '2026-01-01T00:00:00Z'
const build = { dockerfileConfigMap: { name: 'dockerfile' } }
const pod = 'fpga-build-aaaaaaaa-1'

/** The Module drivers/fpga as people write it, with a build. */
export const fpgaManifest = manifest()

/** How the only kernel of drivers/fpga stands. */
export const standing = {
  held: {
    phase: 'BuildFailed',
    reason: 'CompileFailed',
    message: 'It does not compile.',
    errorLines: 'fpga.c:1: error\nfpga.c:2: error\n',
    buildPod: pod,
    attempt: 1,
    workflowId: `module:c:drivers:fpga:${testKernel}`,
    runId: 'run-1',
  },
  building: { phase: 'Building', buildPod: pod, attempt: 1 },
  loaded: { phase: 'Loaded', digest: `sha256:${'1'.repeat(64)}` },
} as const satisfies Record<string, Partial<KernelStatus>>

/** The namespace `drivers` with the Module fpga, its Dockerfile and as many Ready nodes as are wanted. */
export function drivers(entry: Partial<KernelStatus>, nodeCount = 1): ApiObjects {
  const isLoaded = entry.phase === 'Loaded'
  const names = Array.from({ length: nodeCount }, (_, index) => `n${index + 1}`)
  const kernels = [{ kernel: testKernel, phase: 'Resolving', image, since: time, ...entry }]
  const { reason = 'Pending', message = 'It is under way.' } = entry
  const ready = isLoaded
    ? { status: 'True', reason: 'Loaded', message: 'It is loaded.' }
    : { status: 'False', reason, message }
  const status = { conditions: [{ type: 'Ready', lastTransitionTime: time, ...ready }], kernels }
  const recordOf = (node: string) => {
    const { metadata, ...record } = testRecord(testConfig(), { config: testConfig(), bootId: 'b1' }, { node })
    return { apiVersion, kind: 'NodeModulesConfig', metadata, ...record }
  }
  return {
    modules: [fpga(status)],
    nodes: names.map((name) => testNodeObject(name, isLoaded)),
    nodemodulesconfigs: isLoaded ? names.map(recordOf) : [],
    configmaps: [{ metadata: { namespace, name: 'dockerfile' }, data: { dockerfile: 'FROM scratch' } }],
    pods: entry.phase === 'Building' ? [buildPod()] : [],
    namespaces: [
      { metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } },
    ],
  }
}

/** The stored Module with this status. */
export function fpga(status: object): object {
  const { apiVersion: version, kind, metadata, spec } = manifest()
  const more = { uid: 'uid-1', resourceVersion: '1', finalizers: [moduleFinalizer], creationTimestamp: time }
  return { apiVersion: version, kind, metadata: { ...metadata, ...more }, spec, status }
}

function manifest() {
  const { spec } = testModule({ mapping: { build } })
  return { apiVersion, kind: 'Module', metadata: { ...testRef }, spec }
}

function testNodeObject(name: string, isLoaded: boolean): object {
  const nodeInfo = { kernelVersion: testKernel, bootID: 'b1', architecture: 'amd64', osImage: 'Linux' }
  const own = isLoaded ? { [readyLabel(testRef)]: '' } : {}
  return {
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1', labels: own },
    status: { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo },
  }
}

function buildPod(): object {
  const its = {
    [labels.partOf]: 'kmm',
    [labels.moduleName]: testRef.name,
    [labels.resourceType]: 'BuildImage',
    [labels.inputHash]: 'aaaaaaaa',
    [labels.attempt]: '1',
  }
  const metadata = { namespace, name: pod, uid: 'pod-1', resourceVersion: '1', labels: its }
  return {
    metadata: { ...metadata, annotations: { [annotations.kernel]: testKernel } },
    status: { phase: 'Running' },
  }
}
