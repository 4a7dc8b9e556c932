import { RE2JS } from 're2js'
import { z } from 'zod'
import { defaultRegistry, type ImageReference } from '../../api/imageReference.ts'

/** How to log in at a registry. Stays in this process: never in payloads, logs or messages. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token of the registry's token server. */
  | { readonly kind: 'identityToken'; readonly token: string }

/** A Secret that cannot be used; the message names the key and the fault, nothing of the content. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError'
}

/** Characters of an entry's key: no registry with a repository has a longer name. */
const longestKey = 1024

const entrySchema = z.looseObject({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
})
const entriesSchema = z.record(z.string(), entrySchema)
const configSchema = z.looseObject({ auths: entriesSchema.default({}) })
type Entry = z.infer<typeof entrySchema>

/**
 * Credentials for the registry of `reference` in the data of a Secret of type `kubernetes.io/dockerconfigjson` or
 * `kubernetes.io/dockercfg` (values in base64, as the API gives them), the most specific first: as the kubelet does
 * it, each is tried until one is let in. Entries match as in the kubelet: host with `*` and `?` per label, port, path
 * as a prefix; docker.io under all its names.
 * @throws CredentialsError
 */
export function credentialsFor(
  data: Readonly<Record<string, string>>,
  reference: Pick<ImageReference, 'registry' | 'repository'>,
): readonly Credentials[] {
  return Object.entries(entriesOf(data))
    .filter(([key]) => key.length <= longestKey)
    .map(([key, entry]) => ({ key, entry, pattern: patternOf(key) }))
    .filter(({ pattern }) => matches(pattern, reference))
    .sort((a, b) => specificity(b.pattern) - specificity(a.pattern))
    .flatMap(({ key, entry }) => credentialsOf(key, entry) ?? [])
}

function entriesOf(data: Readonly<Record<string, string>>): Readonly<Record<string, Entry>> {
  const modern = data['.dockerconfigjson']
  if (modern !== undefined) return parse('.dockerconfigjson', modern, configSchema).auths
  const legacy = data['.dockercfg']
  if (legacy !== undefined) return parse('.dockercfg', legacy, entriesSchema)
  throw new CredentialsError(
    'the Secret has neither .dockerconfigjson nor .dockercfg: make it with kubectl create secret docker-registry',
  )
}

function parse<T>(key: string, base64: string, schema: z.ZodType<T>): T {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(base64, 'base64').toString('utf8'))
  } catch {
    // The parser's message would quote the content.
    throw new CredentialsError(`${key} of the Secret is not JSON`)
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const where = parsed.error.issues[0]?.path.join('.') ?? ''
  throw new CredentialsError(
    `${key} of the Secret is not a docker configuration: ${where} has the wrong type`,
  )
}

interface Pattern {
  readonly host: string
  readonly port: string
  readonly path: string
}

function patternOf(key: string): Pattern {
  const bare = key.replace(/^https?:\/\//, '')
  const slash = bare.indexOf('/')
  const authority = slash === -1 ? bare : bare.slice(0, slash)
  // Docker writes its own registry as https://index.docker.io/v1/.
  const path = (slash === -1 ? '' : bare.slice(slash + 1)).replace(/^v[12](\/|$)/, '').replace(/\/+$/, '')
  const [, host = '', port = ''] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? []
  return { host: host.toLowerCase(), port, path }
}

const dockerHosts: readonly string[] = [defaultRegistry, 'index.docker.io', 'registry-1.docker.io']

function matches(
  pattern: Pattern,
  { registry, repository }: Pick<ImageReference, 'registry' | 'repository'>,
) {
  if (!repository.startsWith(pattern.path)) return false
  const names = registry === defaultRegistry ? dockerHosts : [registry.toLowerCase()]
  return names.some((name) => {
    const { host, port } = patternOf(name)
    return pattern.port === port && hostMatches(pattern.host, host)
  })
}

function hostMatches(pattern: string, host: string): boolean {
  const labels = host.split('.')
  const globs = pattern.split('.')
  return globs.length === labels.length && globs.every((glob, at) => labelMatches(glob, labels[at] ?? ''))
}

/** Whoever writes the Secret writes the pattern, so it gets an engine that cannot hang. */
function labelMatches(glob: string, label: string): boolean {
  const source = RE2JS.quote(glob).replaceAll('\\*', '.*').replaceAll('\\?', '.')
  return RE2JS.matches(source, label)
}

/** A longer path is more specific, and a host without wildcards more than one with. */
function specificity({ host, path }: Pattern): number {
  return path.length * 2 + (/[*?]/.test(host) ? 0 : 1)
}

function credentialsOf(key: string, entry: Entry): Credentials | undefined {
  if (entry.identitytoken) return { kind: 'identityToken', token: entry.identitytoken }
  if (entry.auth) {
    const [, username, password] =
      /^([^:]*):(.*)$/s.exec(Buffer.from(entry.auth, 'base64').toString('utf8')) ?? []
    if (username === undefined || password === undefined)
      throw new CredentialsError(`auth of ${key} in the Secret is not "user:password" in base64`)
    return { kind: 'password', username, password }
  }
  const { username, password } = entry
  return username && password ? { kind: 'password', username, password } : undefined
}
