import { loaderResultSchema, type LoaderResult } from '../../api/loaderResult.ts'
import type { PodState } from '../../api/facts.ts'

/** What a finished worker pod says: the loader's own result, or why there is none. */
export type LoaderOutcome =
  | { readonly kind: 'result'; readonly result: LoaderResult }
  | { readonly kind: 'none'; readonly reason: string; readonly message: string }

/** Reads the loader's result from an ended worker pod. */
export function loaderOutcome(state: Extract<PodState, { kind: 'succeeded' | 'failed' }>): LoaderOutcome {
  const line = state.message.trim().split('\n').at(-1) ?? ''
  const parsed = loaderResultSchema.safeParse(parseJson(line))
  if (parsed.success) return { kind: 'result', result: parsed.data }
  if (state.kind === 'succeeded') {
    return { kind: 'none', reason: 'NoLoaderResult', message: 'The worker pod ended without a result.' }
  }
  const { container, podReason, exitCode, message } = state
  if (container?.endsWith('-extractor')) {
    const why = `cp in the kmod image: ${message.trim().slice(-500)}`
    if (state.reason === 'StartError') return { kind: 'none', reason: 'CpMissing', message: why }
    const absent = container === 'image-extractor' && message.includes('No such file or directory')
    const reason = absent ? 'NoModulesForKernel' : 'ExtractFailed'
    return { kind: 'none', reason, message: `${why} (exit status ${exitCode})` }
  }
  return {
    kind: 'none',
    reason: podReason ?? state.reason ?? 'WorkerPodFailed',
    message: message.slice(-1000),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
