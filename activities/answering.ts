import { toFailure } from './kube/errors.ts'

/** Wraps every activity so that what the Kubernetes client throws becomes a failure of a known class. */
export function answering<T extends object>(activities: T): T {
  const wrap = (activity: (request: unknown) => Promise<unknown>) => async (request: unknown) => {
    try {
      return await activity(request)
    } catch (error) {
      throw toFailure(error)
    }
  }
  return Object.fromEntries(Object.entries(activities).map(([name, activity]) => [name, wrap(activity)])) as T
}
