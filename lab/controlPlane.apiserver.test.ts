import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import { describe, expect, inject, test } from 'vitest'

const config = new KubeConfig()
config.loadFromFile(inject('kubeconfig'))

describe('the control plane of the API server tier', () => {
  test('the kubeconfig is an administrator', async () => {
    const core = config.makeApiClient(CoreV1Api)
    const name = `control-plane-${process.pid}`
    await core.createNamespace({ body: { metadata: { name } } })
    const { items } = await core.listNamespace()
    expect(items.map(({ metadata }) => metadata?.name)).toContain(name)
    await core.deleteNamespace({ name })
  })

  test('pods are taken although nothing makes service accounts', async () => {
    const core = config.makeApiClient(CoreV1Api)
    const name = `pod-${process.pid}`
    const body = { metadata: { name }, spec: { containers: [{ name: 'c', image: 'example.test/c:1' }] } }
    const pod = await core.createNamespacedPod({ namespace: 'default', body })
    expect(pod.status?.phase).toBe('Pending')
    await core.deleteNamespacedPod({ namespace: 'default', name })
  })
})
