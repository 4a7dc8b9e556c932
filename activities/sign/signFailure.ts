import type { PodState } from '../../api/facts.ts'
import { saysProgramMissing } from '../../api/objectFacts.ts'
import { signFailureSchema } from '../../api/signCommand.ts'
import { parseJson } from '../parseJson.ts'
import type { Why } from '../waitSaying.ts'
import { signContainer } from './signPod.ts'

/**
 * Why a sign pod failed before its executor began: what the signer says itself, or that `cp` could not copy the files
 * out of the image. Undefined when neither of them failed.
 */
export function signFailure(state: Extract<PodState, { kind: 'failed' }>): Why | undefined {
  const { container, reason, message } = state
  const words = message.trim().slice(-500)
  if (container === signContainer) {
    const said = signFailureSchema.safeParse(parseJson(message.trim().split('\n').at(-1) ?? ''))
    if (said.success) return said.data
    return reason === 'OOMKilled'
      ? { reason: 'OutOfMemory', message: 'The signer ran out of memory (build.resources.limits.memory)' }
      : { reason: 'SignFailed', message: `The signer failed: ${words}` }
  }
  if (container?.endsWith('-extractor') !== true) return undefined
  const says = `cp in the image to be signed: ${words || (reason ?? 'no word')}`
  if (saysProgramMissing(message)) return { reason: 'CpMissing', message: says }
  const isAbsent = message.includes('No such file or directory')
  return { reason: isAbsent ? 'FilesToSignMissing' : 'ExtractFailed', message: says }
}
