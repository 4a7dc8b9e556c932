import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import type { Probe } from '../supervisor.ts'

/** Ready when the Node's kubelet has said since `since` that it is Ready. */
export function nodeReadyProbe(kubeconfig: string, name: string, since: Date): Probe {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  return async () => {
    const node = await core.readNode({ name })
    const condition = node.status?.conditions?.find(({ type }) => type === 'Ready')
    // The API server keeps whole seconds.
    const heard = (condition?.lastHeartbeatTime?.getTime() ?? 0) >= Math.floor(since.getTime() / 1000) * 1000
    if (condition?.status !== 'True' || !heard) {
      throw new Error(
        `the Node ${name} is not Ready: ${condition?.message ?? 'nothing heard from its kubelet'}`,
      )
    }
  }
}
