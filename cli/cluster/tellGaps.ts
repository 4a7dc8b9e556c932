import type { Call } from '../call.ts'
import { gapSentence, type Gap } from './read.ts'

/** Says beside the answer what this user may not see. */
export function tellGaps(call: Call, gaps: readonly Gap[]): void {
  for (const gap of gaps) call.note(`${gap.what} ${gapSentence(gap)}`)
}
