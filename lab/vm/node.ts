import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'

/** Reads what the API server says of a node. */
export interface NodeView {
  /** Throws, saying why, unless the Node is Ready and runs this boot of this kernel. */
  requireReady(running: { readonly bootId: string; readonly release: string }): Promise<void>
}

/** The Node `name` of the cluster behind a kubeconfig file. */
export function nodeView(kubeconfig: string, name: string): NodeView {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const core = config.makeApiClient(CoreV1Api)
  return {
    async requireReady({ bootId, release }) {
      const { status } = await core.readNode({ name })
      const info = status?.nodeInfo
      if (info?.bootID !== bootId || info.kernelVersion !== release) {
        throw new Error(`the Node ${name} still shows the boot before`)
      }
      const ready = status?.conditions?.find(({ type }) => type === 'Ready')
      if (ready?.status !== 'True') {
        throw new Error(
          `the Node ${name} is not Ready: ${ready?.message ?? 'nothing heard from its kubelet'}`,
        )
      }
    },
  }
}
