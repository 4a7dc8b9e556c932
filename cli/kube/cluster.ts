import { HttpMethod, KubeConfig, RequestContext } from '@kubernetes/client-node'
import { type Dispatcher, request as send } from 'undici'
import { CliError, exitCodes } from '../exitCodes.ts'
import { ApiError, ForbiddenError, isUnknownPath, messageOf, NotInstalledError, rightFor } from './errors.ts'
import { forwardPort, type Forward } from './portForward.ts'
import { group } from '../../api/names.ts'
import { discoveryPath, kinds, pathOf, type Kind, type Place, type StoredObject } from './resources.ts'

/** Whom to ask, and as whom. */
export interface Access {
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
  readonly as?: string | undefined
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** The parts of a request beside its path. */
interface Details {
  readonly query?: Query
  readonly body?: object
  readonly accept?: string
  readonly signal?: AbortSignal | undefined
}

/**
 * One API server, seen with the rights of the user who calls. Throws ForbiddenError, NotInstalledError and ApiError
 * only.
 */
export interface Cluster {
  readonly server: string
  /** Of the kubeconfig's context, else `default`. */
  readonly namespace: string
  /** Milliseconds since 1970 by the API server's clock, to a second; by this machine's until it has answered. */
  now(): number
  /** `identity`: only whether it is there; what it holds is not sent, and T then only has metadata. */
  get<T extends StoredObject>(kind: Kind, place: Place, part?: 'identity'): Promise<T | undefined>
  /** `resourceVersion` is where a watch goes on; `identity` as in `get`. */
  list<T extends StoredObject>(
    kind: Kind,
    place: Place,
    query?: Query,
    part?: 'identity',
  ): Promise<{ readonly items: readonly T[]; readonly resourceVersion: string }>
  /** Creates an object, or asks for a review; the API server's answer. */
  create<T>(kind: Kind, place: Place, body: object): Promise<T>
  /** Applies a merge patch; a uid or resourceVersion in it must be the stored one. */
  patch(kind: Kind, place: Place, body: object): Promise<void>
  /** Deletes the object with this uid; one that is gone, or has another uid by now, is no error. */
  remove(kind: Kind, place: Place, uid: string): Promise<void>
  /** An answer as it comes: a log, a watch. `verb` is the right it takes. */
  stream(
    verb: 'get' | 'watch',
    kind: Kind,
    place: Place,
    query: Query,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>
  /** A port of a pod as one of this machine; whoever takes it closes it. */
  forward(pod: { readonly namespace: string; readonly name: string }, port: number): Promise<Forward>
}

/** Names of the contexts of a kubeconfig. */
export function contextNames(access: Access): string[] {
  return loadConfig({ kubeconfig: access.kubeconfig })
    .getContexts()
    .map(({ name }) => name)
}

function loadConfig({ kubeconfig, context }: Access): KubeConfig {
  const config = new KubeConfig()
  try {
    if (kubeconfig === undefined) config.loadFromDefault()
    else config.loadFromFile(kubeconfig)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CliError(`cannot read the kubeconfig ${kubeconfig ?? ''}: ${why}`, exitCodes.failed)
  }
  if (context === undefined) return config
  const names = config.getContexts().map(({ name }) => name)
  if (!names.includes(context)) {
    const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`
    throw new CliError(`--context ${context}: the kubeconfig has no such context; ${known}`, exitCodes.usage)
  }
  config.setCurrentContext(context)
  return config
}

type Method = 'GET' | 'PATCH' | 'POST' | 'DELETE'

/** Only metadata is sent. */
const metadataOnly = (kind: 'PartialObjectMetadata' | 'PartialObjectMetadataList') =>
  `application/json;as=${kind};g=meta.k8s.io;v=v1`
const contentTypes = { PATCH: 'application/merge-patch+json', other: 'application/json' } as const

/** Time for an answer to begin. */
const answerTimeoutMs = 30_000

/** Opens a cluster; nothing is sent yet. client-node does the authentication, the requests are plain JSON. */
export function openCluster(access: Access): Cluster {
  const config = loadConfig(access)
  const server = config.getCurrentCluster()?.server.replace(/\/+$/u, '')
  if (server === undefined) {
    throw new CliError('the kubeconfig has no cluster for its context', exitCodes.failed)
  }
  let dispatcher: Dispatcher | undefined
  let aheadMs = 0

  async function exchange(
    method: Method,
    verb: string,
    kind: Kind,
    place: Place,
    more: Details = {},
  ): Promise<Dispatcher.ResponseData['body']> {
    const { statusCode, headers, body } = await request(method, pathOf(kind, place), more)
    const date = Date.parse(String(headers['date']))
    if (!Number.isNaN(date)) aheadMs = date - Date.now()
    if (statusCode < 300) return body
    const text = await body.text()
    const message = messageOf(text)
    const isForbidden = statusCode === 403 && !isImpersonation(message)
    const isMissing = isUnknownPath(statusCode, text) || (isForbidden && (await lacks(kind)))
    if (kind.group === group && isMissing) throw new NotInstalledError(server ?? '')
    if (isForbidden) throw new ForbiddenError(rightFor(verb, kind, place))
    throw new ApiError(`the API server says: ${message}`, statusCode)
  }

  /**
   * Does the cluster lack the definition of this kind? Authorization comes before routing, so a user without rights is
   * refused a kind that does not exist; discovery is open to everybody.
   */
  async function lacks(kind: Kind): Promise<boolean> {
    if (kind.group !== group) return false
    const { statusCode, body } = await request('GET', discoveryPath(kind), {})
    return isUnknownPath(statusCode, await body.text())
  }

  async function request(method: Method, path: string, more: Details): Promise<Dispatcher.ResponseData> {
    const url = new URL(server + path)
    for (const [name, value] of Object.entries(more.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    const follows = more.signal !== undefined
    return await connected(async () => {
      const context = new RequestContext(url.href, HttpMethod.GET)
      await config.applySecurityAuthentication(context)
      // One pool for the whole command; client-node would open one for each request.
      dispatcher ??= context.getDispatcher() as Dispatcher | undefined
      return await send(url, {
        method,
        ...(dispatcher === undefined ? {} : { dispatcher }),
        headers: {
          'user-agent': 'kubectl-kmod',
          accept: more.accept ?? 'application/json, */*',
          ...(more.body === undefined
            ? {}
            : { 'content-type': method === 'PATCH' ? contentTypes.PATCH : contentTypes.other }),
          ...(access.as === undefined ? {} : { 'impersonate-user': access.as }),
          ...context.getHeaders(),
        },
        headersTimeout: answerTimeoutMs,
        bodyTimeout: follows ? 0 : answerTimeoutMs,
        ...(more.body === undefined ? {} : { body: JSON.stringify(more.body) }),
        ...(more.signal === undefined ? {} : { signal: more.signal }),
      })
    })
  }

  async function connected<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof Error && error.name === 'AbortError') throw error
      const why =
        error instanceof Error ? error.message || String('code' in error && error.code) : String(error)
      throw new ApiError(`cannot reach the API server ${server}: ${why}`, undefined, { cause: error })
    }
  }

  return {
    server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    now: () => Date.now() + aheadMs,
    async get<T>(kind: Kind, place: Place, part?: 'identity') {
      const accept = part === undefined ? {} : { accept: metadataOnly('PartialObjectMetadata') }
      try {
        const body = await exchange('GET', 'get', kind, place, accept)
        return (await body.json()) as T
      } catch (error) {
        if (error instanceof ApiError && error.code === 404) return undefined
        throw error
      }
    },
    async list<T>(kind: Kind, place: Place, query: Query = {}, part?: 'identity') {
      const accept = part === undefined ? {} : { accept: metadataOnly('PartialObjectMetadataList') }
      const items: T[] = []
      let next: string | undefined
      let resourceVersion = ''
      do {
        const page = { limit: 500, ...query, continue: next }
        const body = await exchange('GET', 'list', kind, place, { query: page, ...accept })
        const list = (await body.json()) as {
          readonly items: readonly T[] | null
          readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
        }
        items.push(...(list.items ?? []))
        resourceVersion = list.metadata.resourceVersion
        next = list.metadata.continue || undefined
      } while (next !== undefined)
      return { items, resourceVersion }
    },
    async create<T>(kind: Kind, place: Place, body: object) {
      return (await (await exchange('POST', 'create', kind, place, { body })).json()) as T
    },
    async patch(kind, place, body) {
      await (await exchange('PATCH', 'patch', kind, place, { body })).dump()
    },
    async remove(kind, place, uid) {
      const body = { propagationPolicy: 'Background', preconditions: { uid } }
      try {
        await (await exchange('DELETE', 'delete', kind, place, { body })).dump()
      } catch (error) {
        const isGone = error instanceof ApiError && (error.code === 404 || error.code === 409)
        if (!isGone) throw error
      }
    },
    stream: async (verb, kind, place, query, signal = new AbortController().signal) =>
      await exchange('GET', verb, kind, place, { query, signal }),
    async forward(pod, port) {
      try {
        return await forwardPort(actingAs(config, access), pod, port)
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        const place = { ...pod, subresource: 'portforward' }
        if (why.includes('403')) {
          // Which right it is, a plain request tells; newer API servers ask for another one beside it.
          await exchange('GET', 'get', kinds.pods, place, { query: { ports: port } }).catch(onlyForbidden)
          throw new ForbiddenError(rightFor('create', kinds.pods, place))
        }
        throw new ApiError(`cannot forward to pod ${pod.namespace}/${pod.name}: ${why}`, undefined, {
          cause: error,
        })
      }
    },
  }
}

/** client-node's own connections know whom to act as from the kubeconfig alone. */
function actingAs(config: KubeConfig, { as }: Access): KubeConfig {
  const user = config.getCurrentUser()
  if (as === undefined || user === null) return config
  const acting = new KubeConfig()
  const { clusters, contexts, currentContext } = config
  acting.loadFromOptions({ clusters, contexts, currentContext, users: [{ ...user, impersonateUser: as }] })
  return acting
}

function onlyForbidden(error: unknown): void {
  if (error instanceof ForbiddenError) throw error
}

/** That `--as` is refused is about another right than the one of the request. */
function isImpersonation(message: string): boolean {
  return message.includes('cannot impersonate')
}
