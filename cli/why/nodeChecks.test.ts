import { describe } from 'vitest'
import { testConfig, testNode, testRecord, testWorkerPod } from '../../api/testCluster.ts'
import { type Cause, at, failure, onNode, testCauses, verified } from './testing/whyTest.ts'

describe('the first thing that fails of a node', () => {
  testCauses([
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
      onNode({
        records: [testRecord(testConfig(), undefined)],
        pods: [testWorkerPod('Load', testConfig(), { state: { kind: 'running' } })],
      }),
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
  ])
})
