import { z } from 'zod'
import { canonicalJson } from './canonicalJson.ts'
import type { NodeFacts, PodFacts } from './facts.ts'
import { annotations, labels, sha256, workerPodName, type ModuleRef } from './names.ts'
import {
  moduleConfigHash,
  recordEntries,
  type ModuleConfig,
  type ModuleEntry,
  type NodeModulesConfig,
} from './nodeModulesConfig.ts'

/** What a worker pod is for, as the pod itself says: whoever made it may have written anything. */
export interface WorkerPodClaim {
  readonly action: 'Load' | 'Unload'
  /** Boot of the node it was made for: in another one it is obsolete. */
  readonly bootId: string
  readonly configHash: string
  /** See `accessHash`; absent on pods of earlier releases. */
  readonly accessHash?: string
}

/** What the operator ordered a worker pod to do. */
export interface WorkerPodCommand {
  readonly action: 'Load' | 'Unload'
  readonly bootId: string
  readonly config: ModuleConfig
  readonly configHash: string
}

const claimSchema = z.object({ action: z.enum(['Load', 'Unload']), bootId: z.string().max(128) })

/** Reads what a worker pod says of itself; undefined when that cannot be read. */
export function workerPodClaim(pod: PodFacts): WorkerPodClaim | undefined {
  const configHash = pod.labels[labels.configHash]
  const parsed = claimSchema.safeParse(parseJson(pod.annotations[annotations.workerConfig]))
  if (configHash === undefined || !parsed.success) return undefined
  const hash = pod.annotations[annotations.workerHash]
  return { ...parsed.data, configHash, ...(hash === undefined ? {} : { accessHash: hash }) }
}

/**
 * The command that the operator gave this pod, out of the node's record, where it stood before the pod was made: a load
 * in what the node shall have, an unload in what it has. Nothing of the pod but which of these it is for is believed,
 * and only of a pod that can load modules. Undefined when the record asked for no such pod in the node's present boot.
 */
export function orderedCommand(
  {
    ref,
    node,
    record,
  }: {
    readonly ref: ModuleRef
    readonly node: NodeFacts
    readonly record: NodeModulesConfig | undefined
  },
  pod: PodFacts,
): WorkerPodCommand | undefined {
  const claim = workerPodClaim(pod)
  const isOurs = pod.nodeName === node.name && pod.name === workerPodName(node.uid, ref)
  if (!isOurs || pod.runsLoader !== true || claim?.bootId !== node.bootId) return undefined
  const { wish, fact } = recordEntries(record, ref)
  const { action, bootId, configHash } = claim
  const config = action === 'Load' ? wish?.config : fact?.config
  if (config === undefined || moduleConfigHash(config) !== configHash) return undefined
  return { action, bootId, config, configHash }
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

/**
 * 16 hex digits over what makes a worker pod besides its config: ServiceAccount, pull secret and tolerations. A change
 * of these reloads nothing (nodes:STM-8), but replaces a pod that has not begun (nodes:STM-7 Better).
 */
export function accessHash(
  entry: Pick<ModuleEntry, 'serviceAccountName' | 'imageRepoSecret' | 'tolerations'>,
): string {
  const { serviceAccountName, imageRepoSecret, tolerations = [] } = entry
  return sha256(canonicalJson([serviceAccountName, imageRepoSecret?.name ?? '', tolerations])).slice(0, 16)
}
