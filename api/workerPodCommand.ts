import { z } from 'zod'
import { canonicalJson } from './canonicalJson.ts'
import type { PodFacts } from './facts.ts'
import { annotations, labels, sha256 } from './names.ts'
import { moduleConfigSchema, type ModuleConfig, type ModuleEntry } from './nodeModulesConfig.ts'

/** What a worker pod was made for, as the pod itself says. */
export interface WorkerPodCommand {
  readonly action: 'Load' | 'Unload'
  /** Boot of the node it was made for: in another one it is obsolete. */
  readonly bootId: string
  readonly config: ModuleConfig
  readonly configHash: string
  /** See `accessHash`; absent on pods of earlier releases. */
  readonly accessHash?: string
}

const commandSchema = z.object({
  action: z.enum(['Load', 'Unload']),
  bootId: z.string(),
  config: moduleConfigSchema,
})

/** Reads a worker pod's command; undefined when it has none that can be read. */
export function workerPodCommand(pod: PodFacts): WorkerPodCommand | undefined {
  const configHash = pod.labels[labels.configHash]
  const parsed = commandSchema.safeParse(parseJson(pod.annotations[annotations.workerConfig]))
  if (configHash === undefined || !parsed.success) return undefined
  const hash = pod.annotations[annotations.workerHash]
  return { ...parsed.data, configHash, ...(hash === undefined ? {} : { accessHash: hash }) }
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
