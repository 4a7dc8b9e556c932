import { MockActivityEnvironment } from '@temporalio/testing'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { PodFacts, PodState } from '../../api/facts.ts'
import { annotations, labels, workerPodName } from '../../api/names.ts'
import type { NodeModulesConfig } from '../../api/nodeModulesConfig.ts'
import { testCluster, testConfig, testNode, testRecord, testRef } from '../../api/testCluster.ts'
import type { Dependencies } from '../dependencies.ts'
import { settlePod } from './settlePod.ts'

const node = testNode()
const config = testConfig({ containerImage: 'reg.example/fpga:old' })
const wish = testConfig({ containerImage: 'reg.example/fpga:new' })

const ended = (result: object): PodState => ({
  kind: 'succeeded',
  finishedAt: '2026-01-01T00:00:00Z',
  message: JSON.stringify({
    action: 'Load',
    bootId: node.bootId,
    kernel: node.kernel,
    command: [],
    exitStatus: 0,
    output: '',
    ...result,
  }),
})

function workerPod(state: PodState, action = 'Load'): PodFacts {
  return {
    namespace: testRef.namespace,
    name: workerPodName(node.uid, testRef),
    uid: 'pod-1',
    resourceVersion: '1',
    labels: { [labels.workerAction]: action, [labels.configHash]: 'old' },
    annotations: { [annotations.workerConfig]: JSON.stringify({ action, config }) },
    deleting: false,
    state,
  }
}

const done: string[] = []
const applyObject = vi.fn(async (body: { status: unknown }) => {
  done.push('written down')
  return { kind: 'written', object: { metadata: { name: 'n1', uid: 'r', resourceVersion: '7' } }, body }
})
beforeEach(() => {
  done.length = 0
  applyObject.mockClear()
})

/** `pods`: what the pod is, each time somebody waits for it; then it is gone. */
async function settle(
  pods: PodFacts[],
  record: NodeModulesConfig | undefined,
  work: Parameters<typeof settlePod>[3] = 'over',
) {
  const cache = {
    ...testCluster({ nodes: [node], pods, records: record === undefined ? [] : [record] }),
    pods: () => pods.slice(0, 1),
    waitForPod: async (_ref: object, predicate: (pod: PodFacts | undefined) => boolean) => {
      const found = done.includes('deleted') ? undefined : pods.find(predicate)
      done.push(`waited: ${found?.state.kind ?? 'gone'}`)
      return found
    },
  }
  const kube = { applyObject, delete: async () => void done.push('deleted') }
  const deps = { cache, kube } as unknown as Dependencies
  return await new MockActivityEnvironment().run(async () => await settlePod(deps, testRef, node, work))
}

const running = workerPod({ kind: 'running' })
const loaded = workerPod(ended({}))

describe('a worker pod that other work left on a node', () => {
  test('ended with a load: written down with the config of its own command, then removed', async () => {
    expect(await settle([loaded], testRecord(wish, undefined))).toEqual({ NodeModulesConfig: '7' })
    expect(done).toEqual(['waited: succeeded', 'written down', 'deleted', 'waited: gone'])
    expect(applyObject.mock.calls[0]?.[0].status).toEqual({
      modules: [
        { ...testRef, serviceAccountName: 'default', config, configHash: 'old', bootId: node.bootId },
      ],
    })
  })

  test('still running: waited for', async () => {
    expect(await settle([running, loaded], testRecord(wish, undefined))).toBeDefined()
    expect(done).toEqual(['waited: succeeded', 'written down', 'deleted', 'waited: gone'])
  })

  test('not begun: removed at once', async () => {
    expect(await settle([workerPod({ kind: 'pending' })], testRecord(wish, undefined))).toBeUndefined()
    expect(done).toEqual(['deleted', 'waited: gone'])
  })

  test.each<[string, PodFacts, NodeModulesConfig | undefined]>([
    ['an unload', workerPod(ended({ action: 'Unload' }), 'Unload'), testRecord(wish, undefined)],
    ['a load that failed', workerPod(ended({ reason: 'InUse' })), testRecord(wish, undefined)],
    ['a load of another boot', workerPod(ended({ bootId: 'b0' })), testRecord(wish, undefined)],
    ['a load that is known', loaded, testRecord(wish, { config, configHash: 'old', bootId: node.bootId })],
    ['a load of a node without a record', loaded, undefined],
  ])('%s: removed, nothing is written', async (_name, pod, record) => {
    expect(await settle([pod], record)).toBeUndefined()
    expect(done).toEqual(['waited: succeeded', 'deleted', 'waited: gone'])
  })

  test('none, or that of the work itself: left alone', async () => {
    expect(await settle([], testRecord(wish, undefined))).toBeUndefined()
    expect(
      await settle([loaded], testRecord(wish, undefined), { action: 'Load', configHash: 'old' }),
    ).toBeUndefined()
    expect(done).toEqual([])
  })
})
