import type { BuildOutcome } from '../contract.ts'
import type { PodState } from '../../api/facts.ts'
import type { LogTail } from './logTail.ts'

type Ended = Extract<PodState, { kind: 'succeeded' | 'failed' }>

/** What the log says about the cause, first match wins (users R6: "classify the error"). */
const causes: readonly { readonly reason: string; readonly says: RegExp; readonly message: string }[] = [
  {
    reason: 'PushRefused',
    says: /error pushing image|failed to push|error checking push permissions|retrieving auth.*push/i,
    message: 'The registry refused the pushed image',
  },
  {
    reason: 'BaseImagePull',
    says: /error building image:.*(MANIFEST_UNKNOWN|NAME_UNKNOWN|manifest unknown|unauthorized|no such host|connection refused|GET https?:)|retrieving image|unable to pull/i,
    message: 'A base image of the Dockerfile could not be pulled',
  },
  {
    reason: 'DockerfileError',
    says: /dockerfile parse error|parsing dockerfile|unknown instruction|error resolving dockerfile|no build stage|failed to get files used from context|copy failed/i,
    message: 'The Dockerfile is not valid',
  },
  {
    reason: 'BuildCommandFailed',
    says: /error building image: error building stage: failed to execute command|waiting for process to exit/i,
    message: 'A command of the Dockerfile failed',
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
    return { reason: state.podReason, message: `The cluster ended the pod: ${state.message}` }
  }
  if (state.reason === 'OOMKilled' || state.exitCode === 137) {
    return { reason: 'OutOfMemory', message: 'The build ran out of memory (build.resources.limits.memory)' }
  }
  const cause = causes.find(({ says }) => says.test(log))
  return cause ?? { reason: 'BuildFailed', message: 'The build failed' }
}
