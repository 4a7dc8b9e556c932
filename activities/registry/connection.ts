import type { LookupFunction } from 'node:net'
import { getCACertificates } from 'node:tls'
import { buildConnector, type Dispatcher, EnvHttpProxyAgent, request as send } from 'undici'
import { AddressGuard, AddressRefused, type AddressRules, defaultAddressRules } from './addresses.ts'
import { CheckEnd } from './imageCheck.ts'

/** An answer, read whole. */
export interface Answer {
  readonly status: number
  readonly headers: Dispatcher.ResponseData['headers']
  readonly body: Buffer
  /** Where it came from, after redirects. */
  readonly url: URL
  /** A hidden host gave it, or led to who gave it: what it is must not be told apart from no answer. */
  readonly isHidden: boolean
}

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly authorization?: string | undefined
  readonly body?: string
  /** A redirect to another origin is an answer like any other. So it is for all methods but GET. */
  readonly staysAtOrigin?: true
}

/** HTTP for one check. */
export interface Connection {
  /**
   * Sends a request and follows redirects; the authorization never goes to another origin. Throws a
   * ConnectionError when there is no usable answer, or the reason of the signal.
   */
  send(request: Request): Promise<Answer>
  close(): Promise<void>
}

export interface ConnectionOptions {
  /** Plain HTTP is allowed. */
  readonly insecure: boolean
  readonly insecureSkipTLSVerify: boolean
  /** PEM of authorities that are trusted beside the usual ones. */
  readonly ca?: string
  readonly signal?: AbortSignal
  /** Which addresses may be asked; without it none that only the admin can allow. */
  readonly addresses?: AddressRules
  /** For the whole check. */
  readonly timeoutMs: number
  /** Resolves names; of the system by default. */
  readonly resolveName?: LookupFunction
}

/**
 * No usable answer. `certificate`: the server is there, but nobody trusted vouches for it. `isHidden`: as of an answer;
 * the message tells nothing then.
 */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  readonly certificate: boolean
  readonly isHidden: boolean

  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.certificate = certificateCodes.test(codeOf(cause))
    this.isHidden = message === hidden
  }
}

const answerTimeoutMs = 15_000
const redirects = 5
const redirectCodes: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** Manifests may have 4 MiB. */
const bodyLimit = 4 * 1024 * 1024

/** Opens one. A proxy of the environment is used, as by the programs that build and pull. */
export function openConnection(options: ConnectionOptions): Connection {
  const { insecure, signal, timeoutMs } = options
  const guard = new AddressGuard(options.addresses ?? defaultAddressRules, options.resolveName)
  const guarded = openDispatcher(options, guard)
  const listed = openDispatcher(options)
  const deadline = AbortSignal.timeout(timeoutMs)
  const ending = signal === undefined ? deadline : AbortSignal.any([signal, deadline])

  /** `byHidden`: a hidden host led here. */
  async function once(
    { method, url, headers, authorization, body }: Request,
    byHidden: boolean,
  ): Promise<Answer> {
    try {
      guard.expect(url)
      const response = await send(url, {
        method,
        dispatcher: guard.isListed(url) ? listed : guarded,
        signal: ending,
        headers: {
          'user-agent': 'kmm-temporal',
          ...headers,
          ...(authorization === undefined ? {} : { authorization }),
        },
        ...(body === undefined ? {} : { body }),
      })
      const { statusCode: status, headers: its } = response
      const isHidden = byHidden || guard.isHidden(url)
      return { status, headers: its, body: await readBody(response), url, isHidden }
    } catch (error) {
      signal?.throwIfAborted()
      if (byHidden || guard.isHidden(url)) throw new ConnectionError(hidden)
      const why = deadline.aborted ? `no answer within ${timeoutMs / 1000} s` : causeOf(error)
      throw new ConnectionError(why, error)
    }
  }

  return {
    async send(request) {
      const staysAtOrigin = request.staysAtOrigin ?? request.method !== 'GET'
      let { url, authorization } = request
      let byHidden = false
      for (let hop = 0; hop <= redirects; hop++) {
        const answer = await once({ ...request, url, authorization }, byHidden)
        byHidden = answer.isHidden
        const location = answer.headers['location']
        if (!redirectCodes.has(answer.status) || typeof location !== 'string') return answer
        const target = redirectTarget(url, location, insecure)
        if (typeof target === 'string') throw new ConnectionError(byHidden ? hidden : target)
        if (target.origin !== url.origin) {
          if (staysAtOrigin) return answer
          authorization = undefined
        }
        url = target
      }
      throw new ConnectionError(byHidden ? hidden : `more than ${redirects} redirects`)
    },
    close: async () => void (await Promise.all([guarded.destroy(), listed.destroy()])),
  }
}

/** Sockets of a connection. A guard resolves names for them, and learns where they were connected to. */
function openDispatcher(
  { insecureSkipTLSVerify, ca }: ConnectionOptions,
  guard?: AddressGuard,
): EnvHttpProxyAgent {
  const tls = {
    rejectUnauthorized: !insecureSkipTLSVerify,
    ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
  }
  const lookup = guard && { lookup: guard.lookup }
  const connect = buildConnector({ ...tls, ...lookup, allowH2: false, timeout: answerTimeoutMs })
  return new EnvHttpProxyAgent({
    allowH2: false,
    connect: (target, callback) =>
      connect(target, (...[error, socket]) => {
        if (error !== null) return callback(error, null)
        guard?.connected(target.hostname, socket.remoteAddress ?? '')
        callback(null, socket)
      }),
    requestTls: tls,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
  })
}

/**
 * Where a redirect leads, or why it is not followed. Locations may be signed, so that they are as good as a credential:
 * only their host is named.
 */
function redirectTarget(from: URL, location: string, insecure: boolean): URL | string {
  if (!URL.canParse(location, from.href)) return 'a redirect to an address that is none'
  const target = new URL(location, from)
  if (isAllowedScheme(target, from, insecure)) return target
  return `a redirect to ${target.host} over ${target.protocol.slice(0, -1)}, which is not allowed`
}

/** Who speaks HTTPS may send us to HTTPS alone, also where plain HTTP is allowed. */
export function isAllowedScheme(target: URL, from: URL, insecure: boolean): boolean {
  if (target.protocol === 'https:') return true
  return target.protocol === 'http:' && insecure && from.protocol === 'http:'
}

/** The end of a check at a host that gave no usable answer. */
export function unreachable(url: URL, why: string): CheckEnd {
  return new CheckEnd({ kind: 'unreachable', message: `registry ${url.host}: ${why}` })
}

async function readBody({ body }: Dispatcher.ResponseData): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    const bytes = chunk as Buffer
    length += bytes.length
    if (length > bodyLimit) throw new Error(`an answer of more than ${bodyLimit} bytes`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

const certificateCodes =
  /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET_ISSUER|GET_CRL))/

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** What a server that speaks plain HTTP makes of HTTPS. */
export const noTls = 'no TLS'

/** All that is shown of a host that is hidden. */
export const hidden =
  'a host that it names gives no answer that can be used; the admin of the operator can list it in registry.allowedHosts'

/** Short names for what people meet most. */
function causeOf(error: unknown): string {
  const code = codeOf(error)
  switch (code) {
    case 'ENOTFOUND':
      return 'host name not found'
    case 'EAI_AGAIN':
      return 'the name server does not answer'
    case 'ECONNREFUSED':
      return 'connection refused'
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return `no answer within ${answerTimeoutMs / 1000} s`
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return noTls
    case '':
      // The client wraps what a lookup fails with, when it tries several addresses.
      return refusedIn(error) ?? textOf(error, code)
    default:
      return textOf(error, code)
  }
}

/** Characters of an error's own text, which may quote a certificate. */
const longestCause = 300

function textOf(error: unknown, code: string): string {
  const text = error instanceof Error ? error.message || code || error.name : String(error)
  return text.slice(0, longestCause)
}

function refusedIn(error: unknown): string | undefined {
  const causes = [error, ...(error instanceof AggregateError ? error.errors : [])]
  return causes.find((cause) => cause instanceof AddressRefused)?.message
}
