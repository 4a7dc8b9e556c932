import { workflowInfo } from '@temporalio/workflow'

/** Replays stay cheap and old code paths short-lived (practice: long histories are continued at quiet points). */
export function isLong(): boolean {
  const info = workflowInfo()
  return info.continueAsNewSuggested || info.historyLength > 1_000
}
