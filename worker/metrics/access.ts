import { createHash } from 'node:crypto'
import type { Transport } from '../../activities/kube/transport.ts'

/** Whether somebody may read the metrics: HTTP's words for it. */
export type Access = 200 | 401 | 403

/** How long a "yes" holds; a "no" is asked again each time. */
const memoryMs = 60_000
/** So many readers are remembered. */
const memorySize = 100

/**
 * Asks the API server who a bearer token belongs to, and whether they may `get` the path, as KMM does (nodes:MET-2):
 * TokenReview and SubjectAccessReview. Throws KubeError when there is no answer.
 */
export function createAccess(
  { json }: Pick<Transport, 'json'>,
  path: string,
  now: () => number = Date.now,
): (authorization: string | undefined) => Promise<Access> {
  /** When each token was let in, by its hash. */
  const readers = new Map<string, number>()
  return async (authorization) => {
    const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1]
    if (token === undefined) return 401
    const key = createHash('sha256').update(token).digest('hex')
    if (now() - (readers.get(key) ?? Number.NEGATIVE_INFINITY) < memoryMs) return 200
    const { status: who } = await json<TokenReview>({
      verb: 'create',
      resource: 'tokenreviews',
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
    })
    if (who?.authenticated !== true) return 401
    const { username, uid, groups, extra } = who.user ?? {}
    const spec = { user: username, uid, groups, extra, nonResourceAttributes: { path, verb: 'get' } }
    const { status: may } = await json<SubjectAccessReview>({
      verb: 'create',
      resource: 'subjectaccessreviews',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec },
    })
    if (may?.allowed !== true) return 403
    if (readers.size >= memorySize) readers.clear()
    readers.set(key, now())
    return 200
  }
}

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean
    readonly user?: {
      readonly username?: string
      readonly uid?: string
      readonly groups?: readonly string[]
      readonly extra?: Readonly<Record<string, readonly string[]>>
    }
  }
}
interface SubjectAccessReview {
  readonly status?: { readonly allowed?: boolean }
}
