import { CoreV1Api, KubeConfig, type V1Pod } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { openTestFolder } from '../testFolder.ts'
import { freePorts } from '../ports.ts'
import { ensurePrograms } from '../programs/ensure.ts'
import { addSimulatedNode, simulatedTaint, startKwok } from './nodes.ts'

const kubeconfig = inject('kubeconfig')
const config = new KubeConfig()
config.loadFromFile(kubeconfig)
const core = config.makeApiClient(CoreV1Api)
const folder = openTestFolder('kwok')
const name = `simulated-${process.pid}`
const namespace = 'default'

beforeAll(async () => {
  const [port = 0] = await freePorts(1)
  await startKwok({ supervisor: folder.supervisor, programs: ensurePrograms(['kwok']), kubeconfig, port })
  await addSimulatedNode(kubeconfig, {
    name,
    kernelVersion: '6.1.0-50-amd64',
    bootId: 'first',
    labels: { a: '1' },
  })
})
afterAll(async () => {
  await core.deleteNode({ name })
  await folder.close()
})

const pod = (metadata: NonNullable<V1Pod['metadata']>): V1Pod => ({
  metadata,
  spec: {
    nodeName: name,
    restartPolicy: 'Never',
    tolerations: [{ operator: 'Exists' }],
    initContainers: [{ name: 'image-extractor', image: 'example.test/i:1' }],
    containers: [{ name: 'worker', image: 'example.test/w:1' }],
  },
})
const statusOf = async (podName: string) =>
  (await core.readNamespacedPod({ namespace, name: podName })).status

describe('a simulated node', () => {
  test('becomes Ready with the kernel and boot asked for, and the taint', async () => {
    await vi.waitFor(async () => {
      const node = await core.readNode({ name })
      expect(node.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True')
    }, 60_000)
    const { status, spec, metadata } = await core.readNode({ name })
    expect(status?.nodeInfo).toMatchObject({
      kernelVersion: '6.1.0-50-amd64',
      bootID: 'first',
      osImage: 'simulated',
    })
    expect(spec?.taints).toContainEqual(simulatedTaint)
    expect(metadata?.labels).toMatchObject({ a: '1', type: 'kwok' })
  })

  test('can be given another kernel and boot', async () => {
    await addSimulatedNode(kubeconfig, {
      name,
      kernelVersion: '6.1.0-56-amd64',
      bootId: 'second',
      labels: { b: '2' },
    })
    const { status, metadata } = await core.readNode({ name })
    expect(status?.nodeInfo).toMatchObject({ kernelVersion: '6.1.0-56-amd64', bootID: 'second' })
    expect(metadata?.labels).toMatchObject({ a: '1', b: '2' })
    expect(status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True')
  })

  test('a name that does not say so is refused', async () => {
    const node = { name: 'worker-1', kernelVersion: '6.1.0', bootId: 'x' }
    await expect(addSimulatedNode(kubeconfig, node)).rejects.toThrow('must begin with "simulated-"')
  })
})

describe('a pod on a simulated node', () => {
  test('a worker pod succeeds with a report that says it is a simulation', async () => {
    const command = { action: 'Unload', bootId: 'second', kernel: '6.1.0-56-amd64', config: {} }
    await core.createNamespacedPod({
      namespace,
      body: pod({
        name: 'worker',
        labels: { 'kmm.node.kubernetes.io/worker-action': 'Unload' },
        annotations: { 'kmm.node.kubernetes.io/worker-config': JSON.stringify(command) },
      }),
    })
    await vi.waitFor(async () => expect((await statusOf('worker'))?.phase).toBe('Succeeded'), 60_000)
    const status = await statusOf('worker')
    const message = status?.containerStatuses?.[0]?.state?.terminated?.message ?? ''
    expect(JSON.parse(message)).toEqual({
      simulated: true,
      action: 'Unload',
      bootId: 'second',
      kernel: '6.1.0-56-amd64',
      command: [],
      exitStatus: 0,
      output: '',
    })
    expect(status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode).toBe(0)
  })

  test('another pod runs, and goes when it is deleted', async () => {
    await core.createNamespacedPod({ namespace, body: pod({ name: 'plain' }) })
    await vi.waitFor(async () => expect((await statusOf('plain'))?.phase).toBe('Running'), 60_000)
    await core.deleteNamespacedPod({ namespace, name: 'plain' })
    await vi.waitFor(async () => {
      await expect(core.readNamespacedPod({ namespace, name: 'plain' })).rejects.toMatchObject({ code: 404 })
    }, 60_000)
  })
})
