import type { NativeConnection } from '@temporalio/worker'
import { isForbidden } from '../activities/kube/errors.ts'
import type { Transport } from '../activities/kube/transport.ts'
import type { ReadinessCheck } from './health.ts'

/** Asks the API server whether it is ready. Throws when it is not, or does not answer. */
export async function askApiServer({ text }: Pick<Transport, 'text'>): Promise<undefined> {
  try {
    await text({ verb: 'get', resource: 'readyz', path: '/readyz' })
  } catch (error) {
    // Some clusters tell strangers nothing; an answer it is.
    if (!isForbidden(error)) throw error
  }
}

/** Asks Temporal who it is. Throws when it does not answer. */
export async function askTemporal({
  workflowService,
}: Pick<NativeConnection, 'workflowService'>): Promise<undefined> {
  await workflowService.getSystemInfo({})
}

/** So long, in milliseconds, an answer is good for all who ask. */
const freshMs = 5_000
/** A check that has not answered by then is begun anew. */
const stuckMs = 30_000

/**
 * A check that many may ask for and that is done seldom: `/readyz` is for everybody who reaches the port, and what it
 * asks shall not get a request for each of theirs. Whoever asks while it goes on waits for the same answer.
 */
export function shared(check: ReadinessCheck, now: () => number = Date.now): ReadinessCheck {
  let last: { readonly answer: Promise<string | undefined>; until: number } | undefined
  return () => {
    if (last !== undefined && now() < last.until) return last.answer
    const begun = { answer: (async () => await check())(), until: now() + stuckMs }
    const end = () => void (begun.until = now() + freshMs)
    begun.answer.then(end, end)
    last = begun
    return begun.answer
  }
}
