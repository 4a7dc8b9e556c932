import { loaderResultSchema, type LoaderResult } from '../../api/loaderResult.ts'
import type { PodState } from '../../api/facts.ts'
import { containers } from '../../api/names.ts'
import { saysProgramMissing } from '../../api/objectFacts.ts'
import { parseJson } from '../parseJson.ts'

/** What a finished worker pod says: the loader's own result, or why there is none. `cluster`: the cluster ended it. */
export type LoaderOutcome =
  | { readonly kind: 'result'; readonly result: LoaderResult }
  | { readonly kind: 'none' | 'cluster'; readonly reason: string; readonly message: string }

/**
 * Reads the loader's result from an ended worker pod, out of the message of its own container alone: in another one the
 * image's programs run. Without one, what the cluster or the first failed container says.
 */
export function loaderOutcome(state: Extract<PodState, { kind: 'succeeded' | 'failed' }>): LoaderOutcome {
  const isLoaders = state.kind === 'succeeded' || state.container === containers.worker
  const line = isLoaders ? (state.message.trim().split('\n').at(-1) ?? '') : ''
  const parsed = loaderResultSchema.safeParse(parseJson(line))
  if (parsed.success) return { kind: 'result', result: parsed.data }
  if (state.kind === 'succeeded') {
    return { kind: 'none', reason: 'NoLoaderResult', message: 'The worker pod ended without a result.' }
  }
  const { container, podReason, podMessage, exitCode, message } = state
  if (podReason !== undefined) {
    return { kind: 'cluster', reason: podReason, message: (podMessage ?? '').slice(-1000) }
  }
  // The kubelet was started anew and knows nothing of the container.
  if (state.reason === 'ContainerStatusUnknown') {
    return { kind: 'cluster', reason: state.reason, message: message.slice(-1000) }
  }
  if (container?.endsWith('-extractor')) {
    const why = `cp in the kmod image: ${message.trim().slice(-500)}`
    if (state.reason === 'StartError') return notStarted(message.trim(), why, exitCode)
    const absent = container === 'image-extractor' && message.includes('No such file or directory')
    const reason = absent ? 'NoModulesForKernel' : 'ExtractFailed'
    return { kind: 'none', reason, message: `${why} (exit status ${exitCode})` }
  }
  return {
    kind: 'none',
    reason: state.reason ?? 'WorkerPodFailed',
    message: message.slice(-1000),
  }
}

/** An extractor that the container runtime could not start. */
function notStarted(message: string, why: string, exitCode: number | undefined): LoaderOutcome {
  if (saysProgramMissing(message)) return { kind: 'none', reason: 'CpMissing', message: why }
  // The runtime could not even make a process, such as on a node so busy that the pod's sandbox was lost.
  if (message.includes('unable to create new parent process')) {
    return { kind: 'cluster', reason: 'StartError', message: message.slice(-500) }
  }
  return { kind: 'none', reason: 'ExtractFailed', message: `${why} (exit status ${exitCode})` }
}
