import { defaultRegistry, type ImageReference } from '../../api/imageReference.ts'
import { answerEnd, errorCode } from './answers.ts'
import { authorize, parseChallenges, type Rights } from './authentication.ts'
import {
  type Answer,
  type Connection,
  ConnectionError,
  hidden,
  noTls,
  type Request,
  unreachable,
} from './connection.ts'
import type { Credentials } from './credentials.ts'
import { CheckEnd } from './imageCheck.ts'

/** One repository of a registry, logged in as far as it asks for it. */
export interface Repository {
  /** Address of the registry, with the scheme that works there. */
  readonly registry: URL
  /**
   * Asks for a path below the repository, as `manifests/latest`. Throws a CheckEnd for every answer that is
   * neither a success nor 404.
   */
  ask(method: 'GET' | 'HEAD', path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
  /** Sends a request without a body, logged in; resolves with whatever is answered. Throws a CheckEnd without one. */
  send(method: Request['method'], url: URL): Promise<Answer>
  /** Its root answers as a registry's does. */
  readonly isRegistry: boolean
}

/**
 * What registries say that do not know HEAD, or say to HEAD what only GET explains: redirects to other hosts, which
 * are followed by GET alone, are among it.
 */
const unknownMethod: ReadonlySet<number> = new Set([301, 302, 303, 307, 308, 400, 405, 501])

/** Docker's own registry has another address than name. */
const hosts: Readonly<Record<string, string>> = { [defaultRegistry]: 'registry-1.docker.io' }

/** Finds the registry of a reference. `mayPush`: see CheckOptions. Throws a CheckEnd. */
export async function openRepository(
  connection: Connection,
  reference: ImageReference,
  options: {
    readonly insecure: boolean
    readonly credentials?: Credentials | undefined
    readonly mayPush?: boolean
  },
): Promise<Repository> {
  const { insecure, credentials, mayPush = false } = options
  const host = hosts[reference.registry] ?? reference.registry
  const { root, status: rootStatus } = await findRoot(connection, host, insecure)
  let authorization: string | undefined

  /** Sends once more with a login when the registry asks for one. */
  async function send(request: Omit<Request, 'authorization'>): Promise<Answer> {
    const first = await sendOrEnd(connection, { ...request, authorization })
    // Only the registry itself may ask for a login.
    if (first.status !== 401 || first.url.host !== root.host) return first
    const challenges = parseChallenges(first.headers['www-authenticate'])
    const withRights = async (rights: Rights): Promise<Answer> => {
      const { repository } = reference
      const asked = { registry: root, repository, challenges, credentials, insecure, rights }
      authorization = await authorize(connection, asked)
      return await sendOrEnd(connection, { ...request, authorization })
    }
    const bearer = challenges.some(({ scheme }) => scheme === 'bearer')
    if (!mayPush || credentials === undefined || !bearer) return await withRights('pull')
    const second = await withRights('pull').catch((error: unknown) => {
      if (error instanceof CheckEnd && error.result.kind === 'unauthorised') return undefined
      throw error
    })
    return second === undefined || isRefusal(second) ? await withRights('pull,push') : second
  }

  return {
    registry: root,
    async ask(method, path, headers = {}) {
      const url = new URL(`/v2/${reference.repository}/${path}`, root)
      const answer = await send({ method, url, headers })
      const { status } = answer
      // Of hosts that are hidden, one that speaks as a registry may say that the image is absent.
      const says = !answer.isHidden || errorCode(answer) !== undefined
      if (status === 200 || (status === 404 && says) || (method === 'HEAD' && unknownMethod.has(status)))
        return answer
      throw answer.isHidden ? unreachable(root, hidden) : answerEnd(root, answer)
    },
    send: async (method, url) => await send({ method, url }),
    isRegistry: rootStatus === 200 || rootStatus === 401,
  }
}

function isRefusal({ status }: Answer): boolean {
  return status === 401 || status === 403
}

interface Root {
  readonly root: URL
  readonly status: number
}

/** Tries HTTPS, then plain HTTP where that is allowed and TLS is not spoken. Any answer will do. */
async function findRoot(connection: Connection, host: string, insecure: boolean): Promise<Root> {
  const secure = new URL(`https://${host}`)
  const answer = await tryRoot(connection, secure)
  if (!(answer instanceof ConnectionError)) return answer
  if (answer.certificate) {
    const fix = 'trust its authority, or set registryTLS.insecureSkipTLSVerify'
    throw unreachable(secure, `its certificate is not trusted: ${answer.message}; ${fix}`)
  }
  if (!insecure) {
    const hint = answer.message === noTls ? '; for plain HTTP set registryTLS.insecure' : ''
    throw unreachable(secure, `${answer.message}${hint}`)
  }
  const plain = new URL(`http://${host}`)
  const second = await tryRoot(connection, plain)
  if (!(second instanceof ConnectionError)) return second
  throw unreachable(plain, `HTTPS: ${answer.message}; HTTP: ${second.message}`)
}

async function tryRoot(connection: Connection, root: URL): Promise<Root | ConnectionError> {
  try {
    const url = new URL('/v2/', root)
    const { status } = await connection.send({ method: 'GET', url, staysAtOrigin: true })
    return { root, status }
  } catch (error) {
    if (error instanceof ConnectionError) return error
    throw error
  }
}

async function sendOrEnd(connection: Connection, request: Request): Promise<Answer> {
  try {
    return await connection.send(request)
  } catch (error) {
    if (error instanceof ConnectionError) throw unreachable(request.url, error.message)
    throw error
  }
}
