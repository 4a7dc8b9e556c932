import { Context } from '@temporalio/activity'
import type { PodFacts } from '../../api/facts.ts'
import { annotations } from '../../api/names.ts'
import type { KernelFacts } from '../../api/viewKernel.ts'
import type { PodRef } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { classifyPodRejection } from '../kube/errors.ts'
import { type Pod, pods } from '../kube/resources.ts'
import type { PodBody } from '../podBody.ts'
import { pullPod } from './pullPod.ts'
import { pullVerdict, type PullVerdict } from './pullVerdict.ts'

/** How long one attempt waits for a pull; the next one finds the same pod. */
const patienceMs = 20_000

/** A verdict, and the node it is of. */
export interface NodeAnswer {
  readonly verdict: PullVerdict
  readonly node: string
}

/**
 * Lets a target node pull an image, for registries that answer nodes but not the operator (images:IMG-9 Better). The
 * pod's name depends on Module and kernel alone, so attempts and operators share it; once it has answered it is
 * removed.
 */
export async function pullOnNode(
  deps: Dependencies,
  kernel: string,
  image: string,
  { module, mapping, plans }: KernelFacts,
): Promise<NodeAnswer> {
  const node = [...plans.values()]
    .filter(({ node, target }) => target && node.ready)
    .map(({ node }) => node)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))[0]
  if (module === undefined || mapping === undefined || node === undefined)
    return { node: 'none', verdict: { kind: 'refused', message: 'no target node is Ready to try a pull' } }
  const body = pullPod({ module, mapping, kernel, image, node })
  try {
    const { kind, object } = await deps.kube.create(pods, body)
    const { name, uid } = object.metadata
    const pod = { namespace: module.metadata.namespace, name, uid }
    // The pod of another question, or of anybody else, goes first.
    const stale = kind !== 'created' && !asksTheSame(body, object)
    const verdict: PullVerdict = stale ? { kind: 'pulling' } : await waitForPull(deps, pod, image)
    if (stale || verdict.kind !== 'pulling') await deps.kube.delete(pods, pod, { uid })
    return { node: node.name, verdict }
  } catch (error) {
    const rejection = classifyPodRejection(error, module.metadata.namespace)
    if (rejection === undefined) throw error
    return { node: node.name, verdict: { kind: 'refused', message: rejection.message } }
  }
}

/** Does a pod that is there ask this question, of this node, for this very Module? */
function asksTheSame({ metadata, spec }: PodBody, found: Pod): boolean {
  const [wanted] = spec.containers
  const [puller, ...others] = found.spec?.containers ?? []
  const owners = (list: readonly object[] = []) => list.map((owner) => (owner as { uid?: string }).uid)
  return (
    others.length === 0 &&
    puller?.image === wanted?.image &&
    puller?.imagePullPolicy === wanted?.imagePullPolicy &&
    JSON.stringify(puller?.command) === JSON.stringify(wanted?.command) &&
    found.spec?.nodeName === spec.nodeName &&
    found.metadata.annotations?.[annotations.image] === metadata.annotations[annotations.image] &&
    String(owners(found.metadata.ownerReferences)) === String(owners(metadata.ownerReferences))
  )
}

async function waitForPull(deps: Dependencies, pod: PodRef, image: string): Promise<PullVerdict> {
  const patience = AbortSignal.timeout(patienceMs)
  const signal = AbortSignal.any([Context.current().cancellationSignal, patience])
  const ended = (facts: PodFacts | undefined) => facts?.uid === pod.uid && hasNews(facts)
  try {
    await deps.cache.waitForPod(pod, ended, signal)
  } catch (error) {
    if (!patience.aborted) throw error
    return { kind: 'pulling' }
  }
  const found = await deps.kube.get(pods, pod)
  return found?.metadata.uid === pod.uid ? pullVerdict(found, image) : { kind: 'pulling' }
}

function hasNews({ state }: PodFacts): boolean {
  return state.kind !== 'pending' || state.reason !== undefined
}
