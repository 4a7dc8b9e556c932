import type { LookUp } from '../args/complete.ts'
import type { Cluster } from '../kube/cluster.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'

/** Asks the cluster of the line's own flags for names; nothing when it does not answer. */
export const lookUpNames: LookUp = async (what, line) => {
  const valueOf = (...flags: readonly string[]) => {
    const at = line.findIndex((word) => flags.includes(word))
    return at === -1 ? undefined : line[at + 1]
  }
  const access = { kubeconfig: valueOf('--kubeconfig'), context: valueOf('--context') }
  // Most words are completed without a cluster, and its client takes most of a start.
  const { contextNames, openCluster } = await import('../kube/cluster.ts')
  try {
    if (what === 'contexts') return contextNames(access)
    const cluster = openCluster(access)
    return await namesOf(cluster, what, valueOf('-n', '--namespace') ?? cluster.namespace)
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
