import type { NodeObject } from '../../api/kubernetesObjects.ts'
import type { Module } from '../../api/module.ts'
import type { LookUp } from '../args/complete.ts'
import type { Cluster } from '../kube/cluster.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'

/** Asks the cluster of the line's own flags for names; nothing when it does not answer. */
export const lookUpNames: LookUp = async (what, line) => {
  const valueOf = (...flags: readonly string[]) => {
    const at = line.findIndex((word) => flags.includes(word))
    return at === -1 ? undefined : line[at + 1]
  }
  const access = { kubeconfig: valueOf('--kubeconfig'), context: valueOf('--context'), as: valueOf('--as') }
  // Most words are completed without a cluster, and its client takes most of a start.
  const { contextNames, openCluster } = await import('../kube/cluster.ts')
  try {
    if (what === 'contexts') return contextNames(access)
    const cluster = openCluster(access)
    const namespace = valueOf('-n', '--namespace') ?? cluster.namespace
    return await (what === 'kernels' ? kernelsOf(cluster, namespace) : namesOf(cluster, what, namespace))
  } catch {
    return []
  }
}

async function namesOf(
  cluster: Cluster,
  what: 'modules' | 'nodes' | 'namespaces',
  namespace: string,
): Promise<string[]> {
  const { items } = await cluster.list<StoredObject>(kinds[what], { namespace })
  return items.map(({ metadata }) => metadata.name)
}

/** Kernels of nodes, and of Modules for who may not list nodes. */
async function kernelsOf(cluster: Cluster, namespace: string): Promise<string[]> {
  const [nodes, modules] = await Promise.allSettled([
    cluster.list<StoredObject & NodeObject>(kinds.nodes, {}),
    cluster.list<StoredObject & Pick<Module, 'status'>>(kinds.modules, { namespace }),
  ])
  const running =
    nodes.status === 'rejected' ? [] : nodes.value.items.map(({ status }) => status?.nodeInfo?.kernelVersion)
  const told =
    modules.status === 'rejected'
      ? []
      : modules.value.items.flatMap(({ status }) => status?.kernels?.map(({ kernel }) => kernel) ?? [])
  return [...new Set([...running, ...told])].filter((kernel) => kernel !== undefined).toSorted()
}
