import { CoreV1Api, KubeConfig, type V1Pod } from '@kubernetes/client-node'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LabState } from './state.ts'

const namespace = 'default'
const name = 'prepull'

/**
 * Lets the load node pull an image ahead of its first use, by a pod that runs `node --version` and goes afterwards:
 * under emulation unpacking takes long, and meanwhile a kernel module can be built. Resolves when the image is there;
 * nothing has to wait for it, as pods of the same image share the pull. Rejects when `signal` aborts or the pod fails.
 */
export async function prepull(state: LabState, image: string, signal: AbortSignal): Promise<void> {
  const node = state.nodes.load?.name
  if (node === undefined) return
  const config = new KubeConfig()
  config.loadFromFile(state.kubernetes.kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  const remove = () => core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 })
  // A killed lab leaves one.
  await remove().catch(() => undefined)
  await core.createNamespacedPod({ namespace, body: pod(node, image) })
  try {
    for (;;) {
      await sleep(1_000, undefined, { signal })
      const { status } = await core.readNamespacedPod({ namespace, name })
      if (status?.phase === 'Succeeded') return
      if (status?.phase === 'Failed') throw new Error(`node --version of ${image} fails on ${node}`)
    }
  } finally {
    await remove().catch(() => undefined)
  }
}

function pod(nodeName: string, image: string): V1Pod {
  return {
    metadata: { name },
    spec: {
      nodeName,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      tolerations: [{ operator: 'Exists' }],
      containers: [{ name: 'node', image, command: ['node', '--version'] }],
    },
  }
}
