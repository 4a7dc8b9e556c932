import { ApplicationFailure } from '@temporalio/common'
import type { ClusterCache } from './cluster/cache.ts'
import type { Seen } from './contract.ts'

/** How long an activity waits for its own cache to be as new as what its run has seen. */
export const catchUpMs = 10_000

/**
 * Makes activities act on nothing older than their run has seen: each replica has caches of its own, and a run's
 * activities may alternate between them.
 */
export function caughtUpWith(cache: Pick<ClusterCache, 'caughtUp'>) {
  return <R extends { readonly seen: Seen }, T>(activity: (request: R) => Promise<T>) =>
    async (request: R): Promise<T> => {
      if (await cache.caughtUp(request.seen, catchUpMs)) return await activity(request)
      throw ApplicationFailure.retryable('The cache is behind the change that rang.', 'CacheBehind')
    }
}
