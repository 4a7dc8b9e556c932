import { Context } from '@temporalio/activity'
import type { NodeFacts } from '../../api/facts.ts'
import type { LoaderResult } from '../../api/loaderResult.ts'
import type { ModuleRef } from '../../api/names.ts'
import { recordEntries, type ModuleEntry, type ModuleStatusEntry } from '../../api/nodeModulesConfig.ts'
import type { WorkerPodCommand } from '../../api/workerPodCommand.ts'
import type { Seen } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { tell } from '../events/tell.ts'
import { loaderOutcome } from './loaderOutcome.ts'
import { setReady } from './readyLabel.ts'
import { forget, recordFact, recordRefOf } from './record.ts'
import { pauseAfter, type FailureClass } from './retryPace.ts'
import type { EndedPod } from './workerPodEnd.ts'

/** What a worker pod came to in this boot of its node. */
export type Verdict =
  | { readonly kind: 'success'; readonly result: LoaderResult }
  | { readonly kind: 'obsolete'; readonly message: string }
  | {
      readonly kind: 'failure'
      readonly class: FailureClass
      readonly reason: string
      readonly message: string
    }

/**
 * A module in use; an image that could not be had in time, or a modprobe that hung; a node whose status is of another
 * boot or kernel than its loader found.
 */
const passing: ReadonlySet<string> = new Set(['InUse', 'DeadlineExceeded', 'Obsolete'])

/**
 * Reads an ended worker pod that was to do `action`. Obsolete is what was ordered for another boot than the node's last
 * known one; a loader that finds itself elsewhere though the node's status stands has failed, and is tried again later.
 */
export function verdictOf(deps: Dependencies, pod: EndedPod, deed: Pick<Deed, 'node' | 'command'>): Verdict {
  const { node, command } = deed
  const said = loaderOutcome(pod.state)
  if (said.kind !== 'result') {
    const { reason, message } = said
    return { kind: 'failure', class: classOf(said), reason, message }
  }
  const { result } = said
  if (result.reason === 'Obsolete' || result.bootId !== command.bootId) {
    const message = result.message ?? 'the node was started anew'
    if (deps.cache.node(node.name)?.bootId !== command.bootId) return { kind: 'obsolete', message }
    return { kind: 'failure', class: 'passing', reason: 'Obsolete', message }
  }
  if (result.action !== command.action) {
    const message = `The loader did another action than was asked for: ${result.action}.`
    return { kind: 'failure', class: 'held', reason: 'NoLoaderResult', message }
  }
  if (result.reason === undefined && pod.state.kind === 'succeeded') return { kind: 'success', result }
  const { reason = 'ModprobeFailed', message = '', output } = result
  if (passing.has(reason)) return { kind: 'failure', class: 'passing', reason, message }
  return { kind: 'failure', class: 'held', reason, message: `${message} ${output}`.trim() }
}

function classOf({ kind, reason }: { kind: 'none' | 'cluster'; reason: string }): FailureClass {
  if (kind === 'none') return 'held'
  return passing.has(reason) ? 'passing' : 'endedByCluster'
}

/** What was done where, and for whom it is written down. */
interface Deed {
  readonly ref: ModuleRef
  readonly node: NodeFacts
  readonly command: WorkerPodCommand
  /** Of the worker pod that did it. */
  readonly podUid: string
  /** How often people had retried when it was begun; absent before they have. */
  readonly retries?: number
  /** What the pod was made from, when that is known; else what the record says. */
  readonly entry?: ModuleEntry
  /** Another config is to follow an unload. */
  readonly stays?: boolean
  /** Directory of the node that the pod was to put firmware into, when it is known to this process. */
  readonly firmware?: string
}

/** Writes down that a module is loaded or unloaded: the node's record, then `...ready`, and tells it. */
export async function recordSuccess(deps: Dependencies, deed: Deed, result: LoaderResult): Promise<Seen> {
  const { ref, node, command } = deed
  const loads = command.action === 'Load'
  const record = recordRefOf(deps, node)
  const written =
    record === undefined
      ? {}
      : loads
        ? await recordFact(deps, ref, record, loadedEntry(deps, deed, result))
        : deed.stays === true
          ? await recordFact(deps, ref, record, undefined)
          : await forget(deps, ref, node, record)
  const labelled = await setReady(deps, ref, node, loads)
  await tell(
    deps,
    { ref, kernel: node.kernel },
    { kind: 'NodeDone', ...deedFacts(deed), podUid: deed.podUid, message: result.lsmod ?? '' },
  )
  return { ...written, ...labelled }
}

/** What was loaded, with what it was loaded with: unloading needs the same (nodes:DEL-4). */
function loadedEntry(deps: Dependencies, deed: Deed, result: LoaderResult): ModuleStatusEntry {
  const { ref, node, command, entry } = deed
  const from = entry ?? recordEntries(deps.cache.nodeModulesConfig(node.name), ref).wish
  const { namespace, name } = ref
  const { config, configHash, bootId } = command
  const firmwareHostPath = orderedFirmware(deps, deed, result)
  return {
    namespace,
    name,
    serviceAccountName: from?.serviceAccountName ?? 'default',
    ...(from?.imageRepoSecret === undefined ? {} : { imageRepoSecret: from.imageRepoSecret }),
    ...(from?.tolerations === undefined ? {} : { tolerations: from.tolerations }),
    ...(from?.version === undefined ? {} : { version: from.version }),
    config,
    configHash,
    bootId,
    ...(firmwareHostPath === undefined ? {} : { firmwareHostPath }),
  }
}

/**
 * Where firmware of the Module lies now, when that is a directory that was ordered: by this process, by the present
 * configuration, or by the record. An unload gets it as a writable directory of the node.
 */
function orderedFirmware(
  deps: Dependencies,
  deed: Deed,
  { firmwareHostPath }: LoaderResult,
): string | undefined {
  const { ref, node, command } = deed
  const configured = command.config.modprobe.firmwarePath ? deps.config.worker.firmwareHostPath : undefined
  const { fact } = recordEntries(deps.cache.nodeModulesConfig(node.name), ref)
  const ordered = [deed.firmware, configured, fact?.firmwareHostPath]
  return ordered.includes(firmwareHostPath) ? firmwareHostPath : undefined
}

/** Writes down why an action failed, how often by now, and when it is tried again. */
export async function recordFailure(
  deps: Dependencies,
  deed: Deed,
  failure: Extract<Verdict, { kind: 'failure' }>,
): Promise<Seen> {
  const { ref, node, command } = deed
  const { action, configHash, bootId } = command
  const record = recordRefOf(deps, node)
  if (record === undefined) return {}
  const { wish, fact } = recordEntries(deps.cache.nodeModulesConfig(node.name), ref)
  const before = fact?.failure
  const same = before?.action === action && before.configHash === configHash && before.bootId === bootId
  // However the cluster ends pods by turns, it is one row of failures.
  const again = before?.reason === failure.reason || (failure.class === 'endedByCluster' && isRerun(before))
  const attempts = same && again ? before.attempts + 1 : 1
  const pause = pauseAfter(failure.class, attempts)
  const now = Date.now()
  const { serviceAccountName = 'default' } = deed.entry ?? wish ?? {}
  const seen = await recordFact(deps, ref, record, {
    ...(fact ?? { namespace: ref.namespace, name: ref.name, serviceAccountName }),
    failure: {
      action,
      configHash,
      bootId,
      reason: failure.reason,
      message: failure.message.slice(0, 2048),
      at: new Date(now).toISOString(),
      attempts,
      ...(pause === undefined ? {} : { retryAt: new Date(now + pause).toISOString() }),
    },
  })
  const { reason, message } = failure
  const { retries } = deed
  await tell(
    deps,
    { ref, kernel: node.kernel },
    {
      kind: 'NodeFailed',
      ...deedFacts(deed),
      reason,
      message,
      ...(retries === undefined ? {} : { retries }),
    },
  )
  return seen
}

/** Was it ended by the cluster and tried again? */
function isRerun(failure: ModuleStatusEntry['failure']): boolean {
  return failure?.retryAt !== undefined && !passing.has(failure.reason)
}

/** Where and what; `seconds` since the run asked for it. */
function deedFacts({ node, command }: Deed) {
  const { action, configHash, bootId } = command
  const seconds = (Date.now() - Context.current().info.scheduledTimestampMs) / 1000
  return { node: node.name, action, configHash, bootId, seconds }
}
