import { createHash } from 'node:crypto'
import type { RequestOptions } from 'node:https'
import { Agent, Dispatcher, request as send } from 'undici'
import { HttpMethod, type KubeConfig, RequestContext } from '@kubernetes/client-node'
import { bodyText } from './bodyText.ts'
import { KubeError } from './errors.ts'

/** Verbs as RBAC and audit logs name them. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete'

const methods = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
} as const satisfies Record<Verb, string>

/** One request to the API server. */
export interface KubeRequest {
  readonly verb: Verb
  /** Plural of the kind, with the subresource: `pods/log`. Only counted. */
  readonly resource: string
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  /** Of the body; JSON by default. */
  readonly contentType?: string
  readonly signal?: AbortSignal
}

/** Requests sent so far, by `<verb> <resource>`; for metrics and benchmarks. */
export type RequestCounts = ReadonlyMap<string, number>

export interface Transport {
  readonly server: string
  readonly requests: RequestCounts
  /** The JSON answer. Throws KubeError, or the signal's reason. */
  json<T>(request: KubeRequest): Promise<T>
  text(request: KubeRequest): Promise<string>
  /**
   * The answer as it comes. Leaving the loop over it closes the connection. `quietMs`: it fails when nothing comes
   * for that long; 0 waits for ever.
   */
  stream(request: KubeRequest & { readonly quietMs: number }): Promise<AsyncIterable<Uint8Array>>
  /** Ends all connections. */
  close(): Promise<void>
}

/** Time for an answer to begin, and for the next bytes of an ordinary answer. */
const answerTimeoutMs = 30_000

/**
 * HTTP to the API server of a kubeconfig. client-node's own part in it is authentication (tokens that rotate, exec
 * plugins, client certificates); it would open a connection per request, so requests go through one pool, made
 * anew when the TLS material changes. HTTP/1.1, so that a dead watch connection takes nothing else with it.
 */
export function createTransport(config: KubeConfig): Transport {
  const server = config.getCurrentCluster()?.server.replace(/\/+$/, '')
  if (server === undefined) throw new Error('the kubeconfig has no cluster for its current context')
  const requests = new Map<string, number>()
  let pool: { readonly key: string; readonly dispatcher: Promise<Dispatcher> } | undefined

  async function authenticate(): Promise<{ headers: Record<string, string>; dispatcher: Dispatcher }> {
    const options: RequestOptions = {}
    await config.applyToHTTPSOptions(options)
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value)
    if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`
    const tls = tlsOf(options)
    const key = tlsKey(tls)
    if (pool?.key !== key) {
      const former = pool
      pool = { key, dispatcher: openPool(tls) }
      // Streams that still run on it go on to their end.
      if (former !== undefined) closeQuietly(former.dispatcher)
    }
    return { headers, dispatcher: await pool.dispatcher }
  }

  async function openPool(tls: TlsOptions): Promise<Dispatcher> {
    switch (config.createDispatcherOptions(config.getCurrentCluster(), tls).type) {
      case 'agent':
      case 'none':
        return new Agent({
          allowH2: false,
          connect: { ...tls, keepAlive: true, keepAliveInitialDelay: 30_000 },
        })
      case 'proxy':
      case 'socks': {
        const context = new RequestContext(`${server}/`, HttpMethod.GET)
        await config.applySecurityAuthentication(context)
        const dispatcher: unknown = context.getDispatcher()
        if (dispatcher instanceof Dispatcher) return dispatcher
        throw new Error('the proxy-url of the kubeconfig cannot be used')
      }
    }
  }

  async function exchange(request: KubeRequest, bodyTimeout: number): Promise<Dispatcher.ResponseData> {
    const { verb, resource, path, query = {}, body, contentType = 'application/json', signal } = request
    const url = new URL(server + path)
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value))
    const counted = `${verb} ${resource}`
    requests.set(counted, (requests.get(counted) ?? 0) + 1)
    signal?.throwIfAborted()
    const { headers, dispatcher } = await authenticate()
    const response = await send(url, {
      method: methods[verb],
      dispatcher,
      headers: {
        'user-agent': 'kmm-temporal',
        accept: 'application/json, */*',
        ...(body === undefined ? {} : { 'content-type': contentType }),
        ...headers,
      },
      headersTimeout: answerTimeoutMs,
      bodyTimeout,
      ...(body === undefined ? {} : { body: bodyText(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
    if (response.statusCode >= 300) throw await refusal(request, response)
    return response
  }

  /** Runs a piece of work on the wire, turning whatever goes wrong there into a KubeError. */
  async function guarded<T>(request: KubeRequest, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw wireError(request, server ?? '', error)
    }
  }

  return {
    server,
    requests,
    json: async <T>(request: KubeRequest) =>
      await guarded(request, async () => {
        const { body } = await exchange(request, answerTimeoutMs)
        return (await body.json()) as T
      }),
    text: async (request) =>
      await guarded(request, async () => await (await exchange(request, answerTimeoutMs)).body.text()),
    stream: async ({ quietMs, ...request }) => {
      const { body } = await guarded(request, async () => await exchange(request, quietMs))
      return (async function* () {
        try {
          for await (const chunk of body) yield chunk as Uint8Array
        } catch (error) {
          throw wireError(request, server, error)
        }
      })()
    },
    close: async () => await (await pool?.dispatcher)?.destroy(),
  }
}

interface TlsOptions {
  ca?: NonNullable<RequestOptions['ca']>
  cert?: NonNullable<RequestOptions['cert']>
  key?: NonNullable<RequestOptions['key']>
  passphrase?: string
  servername?: string
  rejectUnauthorized?: boolean
}

/** The part of the options that belongs to a connection rather than to a request. */
function tlsOf({ ca, cert, key, passphrase, servername, rejectUnauthorized }: RequestOptions): TlsOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  }
}

/** Same key, same connections. Hashed, because a private key is in it. */
function tlsKey(tls: TlsOptions): string {
  const text = Object.entries(tls).map(([name, value]) => `${name}=${String(value)}`)
  return createHash('sha256').update(text.join('\0')).digest('hex')
}

function closeQuietly(dispatcher: Promise<Dispatcher>): void {
  // A pool that could not be made has nothing to close.
  dispatcher.then(async (made) => await made.close()).catch(() => undefined)
}

/** The KubeError of an answer that is not a success. */
async function refusal(request: KubeRequest, response: Dispatcher.ResponseData): Promise<KubeError> {
  const text = await response.body.text()
  const status = parseStatus(text)
  const header = Number(response.headers['retry-after'])
  const seconds = status.details?.retryAfterSeconds ?? (header > 0 ? header : undefined)
  return statusError({
    ...status,
    code: response.statusCode,
    message: status.message ?? `${request.verb} ${request.resource}: ${text.trim().slice(0, 300)}`,
    ...(seconds === undefined ? {} : { details: { ...status.details, retryAfterSeconds: seconds } }),
  })
}

/** The parts of `meta/v1 Status` that are used. */
export interface Status {
  readonly code?: number
  readonly reason?: string
  readonly message?: string
  readonly details?: {
    readonly retryAfterSeconds?: number
    readonly causes?: readonly { readonly field?: string }[]
  }
}

/** The KubeError of a Status, be it an answer or an ERROR frame of a watch. */
export function statusError(status: Status): KubeError {
  const seconds = status.details?.retryAfterSeconds
  return new KubeError({
    message: status.message ?? status.reason ?? 'the API server gave no reason',
    code: status.code ?? 500,
    reason: status.reason ?? 'Unknown',
    retryAfterMs: seconds === undefined ? undefined : seconds * 1000,
    fields: (status.details?.causes ?? []).flatMap(({ field }) => (field === undefined ? [] : [field])),
  })
}

function parseStatus(text: string): Status {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && 'kind' in parsed && parsed.kind === 'Status'
      ? (parsed as Status)
      : {}
  } catch {
    return {}
  }
}

function wireError(request: KubeRequest, server: string, error: unknown): unknown {
  if (error instanceof KubeError) return error
  if (request.signal?.aborted === true) return request.signal.reason
  const why =
    error instanceof Error
      ? error.message || ('code' in error ? String(error.code) : error.name)
      : String(error)
  return new KubeError({
    message: `${request.verb} ${request.resource} at ${new URL(server).host}: ${why}`,
    reason: 'Unreachable',
    cause: error,
  })
}
