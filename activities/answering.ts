import { ApplicationFailure } from '@temporalio/common'
import { toFailure } from './kube/errors.ts'

/**
 * Wraps every activity so that what the Kubernetes client throws becomes a failure of a known class. `refusals`: is what
 * the API server refuses (a right that is missing, a rule of somebody else's) an answer to the run, or asked again until
 * it is mended? The latter is for what no run can go on without: else the run fails.
 */
export function answering<T extends object>(
  activities: T,
  refusals: 'areAnswers' | 'areAskedAgain' = 'areAnswers',
): T {
  const wrap = (activity: (request: unknown) => Promise<unknown>) => async (request: unknown) => {
    try {
      return await activity(request)
    } catch (error) {
      const failure = toFailure(error)
      throw refusals === 'areAskedAgain' ? retried(failure) : failure
    }
  }
  return Object.fromEntries(Object.entries(activities).map(([name, activity]) => [name, wrap(activity)])) as T
}

function retried(failure: unknown): unknown {
  if (!(failure instanceof ApplicationFailure) || failure.nonRetryable !== true) return failure
  const { message, type, details } = failure
  return ApplicationFailure.create({
    message,
    ...(type == null ? {} : { type }),
    ...(details == null ? {} : { details }),
  })
}
