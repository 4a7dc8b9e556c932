import { cleanText, cutText } from '../api/text/cleanText.ts'
import { toFailure } from './kube/errors.ts'

/** Characters of the message of an error, and of its stack. */
const longestMessage = 16_384

/**
 * An error as Temporal takes it: its server refuses text that is not well-formed, and a failure that cannot be reported is
 * tried again for ever. Causes are reported with it.
 */
function withCleanMessages(error: unknown): unknown {
  for (let at = error, depth = 0; at instanceof Error && depth < 20; at = at.cause, depth++) {
    at.message = cutText(cleanText(at.message), longestMessage)
    if (at.stack !== undefined) at.stack = cutText(cleanText(at.stack), longestMessage)
  }
  return error
}

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
      throw withCleanMessages(toFailure(error, refusals))
    }
  }
  return Object.fromEntries(Object.entries(activities).map(([name, activity]) => [name, wrap(activity)])) as T
}
