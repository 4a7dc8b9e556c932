import type { BuildOutcome } from '../contract.ts'
import type { PodState } from '../../api/facts.ts'
import type { LogTail } from './logTail.ts'

type Ended = Extract<PodState, { kind: 'succeeded' | 'failed' }>

/**
 * kaniko ends with one line that says where it stopped and why. Only that line counts: a log is full of words such as
 * "Retrieving image" or "unauthorized" that say nothing about the end.
 */
const lastWord =
  /^(?:Error: )?(?:error (?:building image|pushing image|checking push permissions|resolving \w+).*)$/gm

/** What that line says about the cause, first match wins (users R6: "classify the error"). */
const causes: readonly { readonly reason: string; readonly says: RegExp; readonly message: string }[] = [
  {
    reason: 'PushRefused',
    says: /^error (?:pushing image|checking push permissions)/,
    message: 'The image could not be pushed to its registry',
  },
  {
    reason: 'BuildCommandFailed',
    says: /failed to execute command/,
    message: 'A command of the Dockerfile failed',
  },
  {
    reason: 'DockerfileError',
    says: /parsing dockerfile|failed to get files used from context|resolving (?:dockerfile|base name|args)|could not parse reference|expanding meta ARGs/,
    message: 'The Dockerfile cannot be built',
  },
  {
    reason: 'BaseImagePull',
    says: /\b(?:GET|HEAD) "?https?:|failed to get filesystem from image|image not found on any/i,
    message: 'A base image of the Dockerfile could not be pulled',
  },
]

/**
 * Names how a build pod ended: its digest, or a reason a person understands with the lines that say why. What the
 * cluster itself ended (evicted, out of memory, deadline) is told apart from what the build did.
 */
export function buildOutcome(pod: string, state: Ended, log: LogTail): BuildOutcome {
  const text = log.text()
  if (state.kind === 'succeeded') {
    return { kind: 'succeeded', digest: /sha256:[0-9a-f]{64}/.exec(state.message)?.[0], log: text }
  }
  const { reason, message } = failureReason(state, text)
  const exit = state.exitCode === undefined ? '' : ` (exit status ${state.exitCode})`
  const errorLines = log.errorLines()
  return {
    kind: 'failed',
    reason,
    message: `${message}${exit}; see the log of pod ${pod}.`,
    errorLines,
    log: text,
  }
}

function failureReason(
  state: Extract<Ended, { kind: 'failed' }>,
  log: string,
): { reason: string; message: string } {
  if (state.podReason === 'DeadlineExceeded') {
    return { reason: 'DeadlineExceeded', message: 'The build took longer than build.deadline' }
  }
  if (state.podReason !== undefined) {
    return {
      reason: state.podReason,
      message: `The cluster ended the pod: ${state.podMessage ?? state.podReason}`,
    }
  }
  if (state.reason === 'OOMKilled' || state.exitCode === 137) {
    return { reason: 'OutOfMemory', message: 'The build ran out of memory (build.resources.limits.memory)' }
  }
  const end = log.match(lastWord)?.at(-1) ?? ''
  return causes.find(({ says }) => says.test(end)) ?? { reason: 'BuildFailed', message: 'The build failed' }
}
