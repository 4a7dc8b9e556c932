import { z } from 'zod'
import {
  type Connection,
  ConnectionError,
  hidden,
  isAllowedScheme,
  type Request,
  unreachable,
} from './connection.ts'
import type { Credentials } from './credentials.ts'
import { answerEnd } from './answers.ts'
import { CheckEnd } from './imageCheck.ts'

/** What a registry asks for in WWW-Authenticate. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

/** Reads one or several WWW-Authenticate headers (RFC 9110 section 11.6.1). */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const text = header === undefined ? '' : typeof header === 'string' ? header : header.join(', ')
  const challenges: { scheme: string; parameters: Record<string, string> }[] = []
  // Either `name=value`, or a word that begins the next challenge.
  for (const match of text.matchAll(/([\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?/g)) {
    const [, word = '', quoted, plain] = match
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain
    if (value === undefined) challenges.push({ scheme: word.toLowerCase(), parameters: {} })
    else {
      const current = challenges.at(-1)
      if (current !== undefined) current.parameters[word.toLowerCase()] = value
    }
  }
  return challenges
}

/** What a token is to allow; the token servers of registries take no other words. */
export type Rights = 'pull' | 'pull,push'

/** Headers of servers end at some 8 or 16 KiB. */
const tokenText = z.string().max(16_384).optional()
const tokenSchema = z.looseObject({ token: tokenText, access_token: tokenText })

/**
 * The Authorization header that answers a registry's challenge about `repository`: a token from the
 * server the registry names, asked for with the credentials or without, or the password itself. Throws a CheckEnd.
 */
export async function authorize(
  connection: Connection,
  options: {
    readonly registry: URL
    readonly repository: string
    readonly challenges: readonly Challenge[]
    readonly credentials: Credentials | undefined
    readonly insecure: boolean
    readonly rights: Rights
  },
): Promise<string> {
  const { registry, repository, challenges, credentials, insecure, rights } = options
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters['realm'])
  if (bearer !== undefined) {
    const realm = realmOf(registry, bearer.parameters['realm'] ?? '', insecure)
    const { service, scope = `repository:${repository}:pull` } = bearer.parameters
    const wanted = { service, scope: scope.replace(/:pull$/, `:${rights}`) }
    return `Bearer ${await fetchToken(connection, realm, wanted, credentials)}`
  }
  if (challenges.some(({ scheme }) => scheme === 'basic')) {
    if (credentials?.kind === 'password') return basic(credentials.username, credentials.password)
    throw unauthorised(
      registry,
      credentials === undefined ? 'it asks for a login' : 'it takes no identity token',
    )
  }
  throw unauthorised(registry, 'it refuses access and names no way to log in')
}

function realmOf(registry: URL, realm: string, insecure: boolean): URL {
  const url = URL.canParse(realm) ? new URL(realm) : undefined
  if (url === undefined || !isAllowedScheme(url, registry, insecure))
    throw unreachable(registry, 'the token server it names has no https address')
  if (url.username !== '' || url.password !== '')
    throw unreachable(registry, 'the token server it names has a login in its address')
  return url
}

async function fetchToken(
  connection: Connection,
  realm: URL,
  wanted: { readonly service: string | undefined; readonly scope: string },
  credentials: Credentials | undefined,
): Promise<string> {
  const parameters = {
    scope: wanted.scope,
    ...(wanted.service === undefined ? {} : { service: wanted.service }),
  }
  const request = tokenRequest(realm, parameters, credentials)
  const answer = await connection.send(request).catch((error: unknown) => {
    if (!(error instanceof ConnectionError)) throw error
    if (error.isHidden) throw hiddenRefusal(realm)
    throw unreachable(realm, `token server: ${error.message}`)
  })
  if (answer.status === 200) {
    const { token, access_token } = parseToken(answer.body)
    const found = token ?? access_token
    if (found !== undefined && /^[\x21-\x7e]+$/.test(found)) return found
  }
  if (answer.isHidden) throw hiddenRefusal(realm)
  if (answer.status === 200) throw unreachable(realm, 'the token server gives no token')
  const end = answerEnd(realm, answer)
  // Token servers say 400 or 404 to what they do not know.
  if (answer.status < 500 && answer.status !== 429)
    throw unauthorised(realm, `the token server answers ${answer.status}`)
  throw end
}

function tokenRequest(
  realm: URL,
  parameters: Readonly<Record<string, string>>,
  credentials: Credentials | undefined,
): Request {
  if (credentials?.kind === 'identityToken') {
    const form = { grant_type: 'refresh_token', client_id: 'kmm-temporal', refresh_token: credentials.token }
    return {
      method: 'POST',
      url: realm,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ ...parameters, ...form }).toString(),
    }
  }
  const url = new URL(realm)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return {
    method: 'GET',
    url,
    authorization: credentials === undefined ? undefined : basic(credentials.username, credentials.password),
  }
}

function parseToken(body: Buffer): z.infer<typeof tokenSchema> {
  try {
    return tokenSchema.parse(JSON.parse(body.toString('utf8')))
  } catch {
    // Whatever it is, it may be a token: it is not quoted.
    return {}
  }
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** A hidden token server may refuse the login like any other, so that the next login and the right to push are tried. */
function hiddenRefusal(realm: URL): CheckEnd {
  return unauthorised(realm, `the token server refuses the login, or ${hidden}`)
}

function unauthorised(url: URL, why: string): CheckEnd {
  return new CheckEnd({ kind: 'unauthorised', message: `registry ${url.host}: ${why}` })
}
