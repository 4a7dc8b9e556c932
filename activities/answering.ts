import { toFailure } from './kube/errors.ts'

/**
 * Wraps every activity so that what the Kubernetes client throws becomes a failure of a known class. `refusals`: is what
 * the API server refuses (a right that is missing, a rule of somebody else's) final, an answer to the run, or asked again until
 * it is mended? The latter is for what no run can go on without: else the run fails.
 */
export function answering<T extends object>(
  activities: T,
  refusals: 'areFinal' | 'areAskedAgain' = 'areFinal',
): T {
  const wrap = (activity: (request: unknown) => Promise<unknown>) => async (request: unknown) => {
    try {
      return await activity(request)
    } catch (error) {
      throw toFailure(error, refusals)
    }
  }
  return Object.fromEntries(Object.entries(activities).map(([name, activity]) => [name, wrap(activity)])) as T
}
