import { workflowInfo } from '@temporalio/workflow'

/** Replays stay cheap and old code paths short-lived (practice: long histories are continued at quiet points). */
export function isLong(): boolean {
  return isTooLong() || workflowInfo().historyLength > 1_000
}

/** Temporal asks for a new history: what is under way is broken off for it, and found again in the next. */
export function isTooLong(): boolean {
  return workflowInfo().continueAsNewSuggested
}
