import { help } from '../../api/commandsThatHelp.ts'
import { ApplicationFailure } from '@temporalio/common'

/**
 * What every request of the Kubernetes client throws. `code` is the HTTP status, or undefined when no answer came;
 * `reason` is the API's (`AlreadyExists`, `Conflict`, ...) or `Unreachable`. `message` is the API's sentence only:
 * headers and bodies never get in.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError'
  readonly code: number | undefined
  readonly reason: string
  readonly retryAfterMs: number | undefined
  /** Fields the API server complains about, as `metadata.uid`. */
  readonly fields: readonly string[]

  constructor(options: {
    readonly message: string
    readonly code?: number | undefined
    readonly reason: string
    readonly retryAfterMs?: number | undefined
    readonly fields?: readonly string[]
    readonly cause?: unknown
  }) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = options.code
    this.reason = options.reason
    this.retryAfterMs = options.retryAfterMs
    this.fields = options.fields ?? []
  }
}

/** Failure types; workflows and status tell them apart by these names. */
export const kubeFailureTypes = {
  unreachable: 'KubeUnreachable',
  busy: 'KubeBusy',
  serverError: 'KubeServerError',
  conflict: 'KubeConflict',
  unauthorized: 'KubeUnauthorized',
  notFound: 'KubeNotFound',
  rejected: 'KubeRejected',
} as const

interface Rule {
  readonly when: (error: KubeError) => boolean
  readonly type: string
  readonly nonRetryable?: true
}

/** Every other 4xx (400, 403, 422 ...): the same request would be refused again. */
const rejected: Rule = { when: () => true, type: kubeFailureTypes.rejected, nonRetryable: true }

/** First match wins. */
const table: readonly Rule[] = [
  { when: ({ code }) => code === undefined, type: kubeFailureTypes.unreachable },
  { when: ({ code }) => code === 429, type: kubeFailureTypes.busy },
  { when: ({ code = 0 }) => code >= 500, type: kubeFailureTypes.serverError },
  // Stale resourceVersions, and resource versions the server has forgotten (410).
  { when: ({ code }) => code === 409 || code === 410, type: kubeFailureTypes.conflict },
  // A token that was rotated a moment ago; the next attempt reads it anew.
  { when: ({ code }) => code === 401, type: kubeFailureTypes.unauthorized },
  // A namespace or CRD that is not there yet. Reads and deletes answer with a value instead.
  { when: ({ code }) => code === 404, type: kubeFailureTypes.notFound },
]

function ruleOf(error: KubeError): Rule {
  return table.find(({ when }) => when(error)) ?? rejected
}

/**
 * What an activity throws for an error of the client (practice 1.7): a retryable failure for everything transient,
 * after the time the server asked for; non-retryable `KubeRejected` for what was refused. Details: `{code,
 * reason}`. Anything that is not a KubeError is given back as it is, so cancellation stays cancellation. `refusals`: are
 * they final, or is what was refused asked again until it is mended?
 */
export function toFailure(error: unknown, refusals: 'areFinal' | 'areAskedAgain' = 'areFinal'): unknown {
  if (!(error instanceof KubeError)) return error
  const { type, nonRetryable: refused = false } = ruleOf(error)
  const nonRetryable = refused && refusals === 'areFinal'
  return ApplicationFailure.create({
    message: error.message,
    type,
    nonRetryable,
    details: [{ code: error.code, reason: error.reason }],
    ...(error.retryAfterMs === undefined ? {} : { nextRetryDelay: error.retryAfterMs }),
  })
}

/** The body itself is refused: the same one would be refused again, whatever is changed elsewhere. */
export function isBodyRefused(error: unknown): error is KubeError {
  return error instanceof KubeError && (error.code === 400 || error.code === 413 || error.code === 422)
}

/** The object is not there. Not: a kind the API server does not know (yet), which is a 404 without this reason. */
export function isNotFound(error: unknown): error is KubeError {
  return error instanceof KubeError && error.code === 404 && error.reason === 'NotFound'
}
export function isAlreadyExists(error: unknown): error is KubeError {
  return error instanceof KubeError && error.code === 409 && error.reason === 'AlreadyExists'
}
/** Somebody else wrote first, or a precondition failed. */
export function isConflict(error: unknown): error is KubeError {
  return error instanceof KubeError && error.code === 409 && error.reason !== 'AlreadyExists'
}
export function isForbidden(error: unknown): error is KubeError {
  return error instanceof KubeError && error.code === 403
}
/** The resource version is too old to go on from. */
export function isGone(error: unknown): error is KubeError {
  return error instanceof KubeError && error.code === 410
}

/** Why the API server refused a pod, with what to do about it. */
export interface PodRejection {
  /** `NamespaceGone`: it is being deleted, or was. */
  readonly reason: 'PodSecurity' | 'Quota' | 'NamespaceGone' | 'Rejected'
  readonly message: string
}

/**
 * Tells why a pod was refused in `namespace`; undefined when it was not refused (the error is transient and the
 * request worth repeating).
 */
export function classifyPodRejection(error: unknown, namespace: string): PodRejection | undefined {
  if (!(error instanceof KubeError)) return undefined
  const ending = error.code === 403 && /because it is being terminated/.test(error.message)
  if (ending || (isNotFound(error) && error.message.startsWith('namespaces '))) {
    return { reason: 'NamespaceGone', message: error.message }
  }
  if (ruleOf(error) !== rejected) return undefined
  const security = /violates PodSecurity "([^"]+)"/.exec(error.message)
  if (security !== null) {
    const fix = `label the namespace: ${help.allowPods(namespace)}`
    return { reason: 'PodSecurity', message: `${error.message}; ${fix}` }
  }
  const quota = /(?:exceeded|failed) quota: ([^,:\s]+)/.exec(error.message)
  if (quota !== null) {
    const fix = `raise ResourceQuota ${quota[1]} in namespace ${namespace}, or free what it counts`
    return { reason: 'Quota', message: `${error.message}; ${fix}` }
  }
  if (error.message.includes('insufficient quota to match these scopes')) {
    const fix = `create a ResourceQuota in namespace ${namespace} that allows what the scopes name`
    return { reason: 'Quota', message: `${error.message}; ${fix}` }
  }
  return { reason: 'Rejected', message: error.message }
}
