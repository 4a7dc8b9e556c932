import { describe, expect, test } from 'vitest'
import type { NodeObject, PodObject } from './kubernetesObjects.ts'
import { annotations, labels } from './names.ts'
import { dockerfileFacts, nodeFacts, podFacts } from './objectFacts.ts'

const metadata = { name: 'x', namespace: 'drivers', uid: 'u', resourceVersion: '7' }

describe('nodeFacts', () => {
  const nodeInfo = { kernelVersion: '6.1.0+', bootID: 'b1', architecture: 'amd64', osImage: 'Debian 12' }
  const node = (change: object = {}, status: object = {}) =>
    nodeFacts({ metadata, status: { nodeInfo, ...status }, ...change } as unknown as NodeObject)
  const ready = (status: string) => ({
    conditions: [
      { type: 'MemoryPressure', status: 'True' },
      { type: 'Ready', status },
    ],
  })

  test('what a kubelet reports, the kernel as it is', () => {
    expect(node({ metadata: { ...metadata, labels: { a: 'b' } } }, ready('True'))).toEqual({
      name: 'x',
      uid: 'u',
      kernel: '6.1.0+',
      bootId: 'b1',
      architecture: 'amd64',
      osImage: 'Debian 12',
      ready: true,
      labels: { a: 'b' },
      taints: [],
    })
  })
  test.each(['False', 'Unknown'])('a node whose Ready is %s is not', (status) => {
    expect(node({}, ready(status)).ready).toBe(false)
  })
  test('a node that has said nothing yet', () => {
    const facts = nodeFacts({ metadata } as NodeObject)
    expect(facts).toMatchObject({ kernel: '', bootId: '', ready: false, labels: {}, taints: [] })
  })
  test('taints without the time they were added', () => {
    const taints = [
      { key: 'a', value: 'v', effect: 'NoSchedule', timeAdded: 't' },
      { key: 'b', effect: 'NoExecute' },
    ]
    expect(node({ spec: { taints } }).taints).toEqual([
      { key: 'a', value: 'v', effect: 'NoSchedule' },
      { key: 'b', effect: 'NoExecute' },
    ])
  })
})

describe('podFacts', () => {
  const pod = (status: object, change: object = {}) =>
    podFacts({
      metadata: { ...metadata, ...change },
      spec: { nodeName: 'n1' },
      status,
    } as unknown as PodObject)
  const state = (status: object, change: object = {}) => pod(status, change).state
  const ended = (name: string, terminated: object) => ({ name, state: { terminated } })

  test('an extractor that CRI-O cannot create for want of cp has failed, as elsewhere', () => {
    const message =
      'container create failed: executable file `cp` not found in $PATH: No such file or directory'
    const waiting = (name: string, words: string) => ({
      phase: 'Pending',
      initContainerStatuses: [
        { name, state: { waiting: { reason: 'CreateContainerError', message: words } } },
      ],
    })
    const end = { kind: 'failed', container: 'image-extractor', reason: 'StartError', exitCode: 128, message }
    expect(state(waiting('image-extractor', message))).toMatchObject(end)
    const pending = { kind: 'pending', reason: 'CreateContainerError' }
    expect(state(waiting('image-extractor', 'no space left'))).toMatchObject(pending)
    expect(state(waiting('kaniko', message))).toMatchObject(pending)
  })
  test('pending, and begun while an init container runs', () => {
    const status = (of: object) => ({
      phase: 'Pending',
      initContainerStatuses: [{ name: 'signer', state: of }],
    })
    expect(state(status({ running: {} }))).toEqual({ kind: 'pending', begun: true })
    expect(state(status({ waiting: { reason: 'PodInitializing' } }))).toEqual({ kind: 'pending' })
  })
  test('where it is and whose', () => {
    expect(
      pod(
        { phase: 'Running' },
        {
          labels: { [labels.moduleName]: 'fpga', a: 'b' },
          annotations: { [annotations.kernel]: '6.1.0+', c: 'd' },
        },
      ),
    ).toEqual({
      namespace: 'drivers',
      name: 'x',
      uid: 'u',
      resourceVersion: '7',
      nodeName: 'n1',
      labels: { [labels.moduleName]: 'fpga' },
      annotations: { [annotations.kernel]: '6.1.0+' },
      deleting: false,
      state: { kind: 'running' },
    })
    expect(pod({}, { deletionTimestamp: 't' }).deleting).toBe(true)
    expect(podFacts({ metadata } as PodObject)).not.toHaveProperty('nodeName')
  })

  test('whether the cluster ends it', () => {
    const interruption = { reason: 'Evicted', message: 'low on memory' }
    expect(pod({ phase: 'Failed', reason: 'Evicted', message: 'low on memory' })).toMatchObject({
      interruption,
    })
    expect(pod({ phase: 'Running' })).not.toHaveProperty('interruption')
  })

  test('succeeded: the message of the container, the last end', () => {
    const status = {
      phase: 'Succeeded',
      initContainerStatuses: [ended('i', { exitCode: 0, finishedAt: '2026-01-01T00:00:01Z' })],
      containerStatuses: [
        ended('sidecar', { exitCode: 0, message: 'sha256:2' }),
        ended('kaniko', { exitCode: 0, message: 'sha256:1', finishedAt: '2026-01-01T00:00:02Z' }),
      ],
    }
    expect(state(status)).toEqual({
      kind: 'succeeded',
      message: 'sha256:1',
      finishedAt: '2026-01-01T00:00:02Z',
    })
  })

  test('failed: the first container that failed', () => {
    const status = {
      phase: 'Failed',
      initContainerStatuses: [
        ended('image-extractor', { exitCode: 0, finishedAt: '2026-01-01T00:00:01Z' }),
        ended('firmware-extractor', {
          exitCode: 1,
          reason: 'Error',
          message: 'cp: x',
          finishedAt: '2026-01-01T00:00:02Z',
        }),
      ],
      containerStatuses: [{ name: 'worker', state: { waiting: { reason: 'PodInitializing' } } }],
    }
    expect(state(status)).toEqual({
      kind: 'failed',
      container: 'firmware-extractor',
      exitCode: 1,
      reason: 'Error',
      message: 'cp: x',
      finishedAt: '2026-01-01T00:00:02Z',
    })
  })

  test('ended by the cluster: what the pod says is told from what its container wrote', () => {
    const status = {
      phase: 'Failed',
      reason: 'Evicted',
      message: 'The node was low on resource: memory.',
      containerStatuses: [
        ended('kaniko', { exitCode: 137, message: 'log', finishedAt: '2026-01-01T00:00:02Z' }),
      ],
    }
    expect(state(status)).toMatchObject({
      podReason: 'Evicted',
      podMessage: 'The node was low on resource: memory.',
      message: 'log',
      exitCode: 137,
    })
  })

  test('ended before any container ran', () => {
    const change = { creationTimestamp: '2026-01-01T00:00:00Z' }
    expect(state({ phase: 'Failed', reason: 'OutOfcpu', message: 'no cpu' }, change)).toEqual({
      kind: 'failed',
      podReason: 'OutOfcpu',
      podMessage: 'no cpu',
      message: '',
      finishedAt: '2026-01-01T00:00:00Z',
    })
  })

  const waiting = (reason: string) => ({ name: 'c', state: { waiting: { reason, message: `${reason}!` } } })
  const unschedulable = {
    conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/2 nodes' }],
  }
  test.each<[string, object, object]>([
    ['nothing said', {}, { kind: 'pending' }],
    ['lost sight of', { phase: 'Unknown' }, { kind: 'pending' }],
    [
      'an image that cannot be pulled',
      {
        phase: 'Pending',
        initContainerStatuses: [waiting('ImagePullBackOff')],
        containerStatuses: [waiting('PodInitializing')],
      },
      { kind: 'pending', reason: 'ImagePullBackOff', message: 'ImagePullBackOff!' },
    ],
    [
      'the usual start',
      { phase: 'Pending', containerStatuses: [waiting('ContainerCreating')] },
      { kind: 'pending' },
    ],
    [
      'no node for it',
      { phase: 'Pending', ...unschedulable },
      { kind: 'pending', reason: 'Unschedulable', message: '0/2 nodes' },
    ],
  ])('pending: %s', (_name, status, expected) => {
    expect(state(status)).toEqual(expected)
  })
})

test('of a ConfigMap only the Dockerfile', () => {
  const data = { dockerfile: 'FROM scratch', other: 'x' }
  expect(dockerfileFacts({ metadata, data })).toEqual({
    namespace: 'drivers',
    name: 'x',
    dockerfile: 'FROM scratch',
  })
  expect(dockerfileFacts({ metadata })).toEqual({ namespace: 'drivers', name: 'x' })
})
