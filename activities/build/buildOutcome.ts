import type { BuildOutcome, BuildTraces } from '../contract.ts'
import type { Interruption, PodState } from '../../api/facts.ts'
import { exceedsOwnDisk } from '../../api/interruption.ts'
import type { ImageStage } from '../events/moduleEvent.ts'
import { signFailure } from '../sign/signFailure.ts'
import type { LogTail } from './logTail.ts'

type Ended = Extract<PodState, { kind: 'succeeded' | 'failed' }>

/**
 * kaniko ends with one line that says where it stopped and why. Only that line counts: a log is full of words such as
 * "Retrieving image" or "unauthorized" that say nothing about the end.
 */
const lastWord =
  /^(?:Error: )?(?:error (?:building image|pushing image|checking push permissions|resolving \w+).*)$/gm

/** A cause of a failed build: told by kaniko's last line and, for some, by the output of the command that failed. */
interface Cause {
  readonly reason: string
  readonly says: RegExp
  /** What it says as well. */
  readonly and?: string
  readonly output?: RegExp
  readonly message: string
}

/** Compilers, the linker and the kernel's modpost name the place and say "error". */
const compilerError = new RegExp(
  [
    String.raw`^\S+:\d+(?::\d+)?: (?:fatal )?error: `,
    String.raw`^\S*(?:gcc|g\+\+|cc1\w*|clang|rustc|ld)(?:-[\d.]+)?: (?:fatal )?error: `,
    String.raw`^error\[E\d+\]: `,
    String.raw`undefined reference to \S`,
    String.raw`^ERROR: modpost: `,
  ].join('|'),
  'im',
)

/** The cause of a failed build by what was said last, first match wins (users R6: "classify the error"). */
const causes: readonly Cause[] = [
  {
    reason: 'PushRefused',
    says: /^error (?:pushing image|checking push permissions)/,
    message: 'The image could not be pushed to its registry',
  },
  {
    reason: 'OutOfMemory',
    says: /failed to execute command: /,
    and: 'signal: killed',
    message: 'A command of the Dockerfile was killed, as the kernel does when memory runs out',
  },
  {
    reason: 'OutOfMemory',
    says: /failed to execute command/,
    output: /Killed signal terminated program|: fatal error: Killed/,
    message: 'The compiler was killed, as the kernel does when memory runs out',
  },
  {
    reason: 'CompileFailed',
    says: /failed to execute command/,
    output: compilerError,
    message: 'The sources do not compile',
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

/** What the executor of a sign pod may meet: it pulls, adds a layer, and pushes. */
const signCauses: readonly Pick<Cause, 'reason' | 'message'>[] = [
  { reason: 'PushRefused', message: 'The signed image could not be pushed to its registry' },
  {
    reason: 'BaseImagePull',
    message:
      'The executor could not pull the image to be signed (sign.unsignedImageRegistryTLS, and a login in imageRepoSecret)',
  },
]
const signFailed = { reason: 'SignFailed', message: 'The signed image could not be made' }

/**
 * Names how a pod that builds or signs came to its own end on a node: its digest, or a reason a person understands with
 * the lines that say why. What limits of the user's ended (out of memory, deadline) is told apart from what the build did.
 */
export function buildOutcome(
  pod: string,
  state: Ended,
  traces: BuildTraces,
  log: LogTail,
  stage: ImageStage = 'build',
): BuildOutcome {
  if (state.kind === 'succeeded') {
    return { kind: 'succeeded', digest: pushedDigest(state), log: log.marked() }
  }
  const { reason, message } = failureReason(state, log, stage)
  const exit = state.exitCode === undefined ? '' : ` (exit status ${state.exitCode})`
  return {
    kind: 'failed',
    reason,
    message: `${message}${exit}; see the log of pod ${pod}.`,
    errorLines: log.errorLines(),
    log: log.marked(),
    ...traces,
  }
}

/** Of the image that a pod has pushed, as its executor's termination message says. */
export function pushedDigest({ message }: { readonly message: string }): string | undefined {
  return /sha256:[0-9a-f]{64}/.exec(message)?.[0]
}

/** What the cluster ended is no failed build: what it says counts, and the log as far as it came. */
export function interruptedOutcome(
  { reason, message }: Interruption,
  traces: BuildTraces,
  log: LogTail,
): BuildOutcome {
  return { kind: 'interrupted', reason, message, log: log.marked(), ...traces }
}

const deadlineExceeded =
  "The build took longer than build.deadlineSeconds of the operator's configuration allows. Make it shorter, or have " +
  'build.deadlineSeconds raised (null: no deadline)'

function failureReason(
  state: Extract<Ended, { kind: 'failed' }>,
  log: LogTail,
  stage: ImageStage,
): { reason: string; message: string } {
  if (state.podReason === 'DeadlineExceeded') {
    return { reason: 'DeadlineExceeded', message: deadlineExceeded }
  }
  if (exceedsOwnDisk(state.podReason, state.podMessage)) {
    const limits = "build.scratchSizeLimit of the operator's configuration, or build.resources.limits"
    return { reason: 'OutOfDisk', message: `The build wrote more to disk than it may (${limits})` }
  }
  const unsigned = signFailure(state)
  if (unsigned !== undefined) return unsigned
  if (state.reason === 'OOMKilled' || state.exitCode === 137) {
    return { reason: 'OutOfMemory', message: 'The build ran out of memory (build.resources.limits.memory)' }
  }
  const end = log.text().match(lastWord)?.at(-1) ?? ''
  const output = log.lastCommand()
  const cause = causes.find(
    ({ says, and = '', output: printed }) =>
      says.test(end) && end.includes(and) && (printed === undefined || printed.test(output)),
  )
  if (stage === 'build') return cause ?? { reason: 'BuildFailed', message: 'The build failed' }
  return signCauses.find(({ reason }) => reason === cause?.reason) ?? signFailed
}
