/**
 * An image reference, complete: `registry` is the name of the registry as people write it (`docker.io`; a client
 * must ask registry-1.docker.io instead), with its port; `repository` has `library/` where it was implied.
 */
export interface ImageReference {
  readonly registry: string
  readonly repository: string
  readonly tag?: string
  /** `algorithm:hex`. */
  readonly digest?: string
}

/** A text that is no image reference; the message says which part and why. */
export class ImageReferenceError extends Error {
  override readonly name = 'ImageReferenceError'
}

export const defaultRegistry = 'docker.io'

const hostPart = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const registryPattern = new RegExp(
  `^(?:${hostPart}(?:\\.${hostPart})*|\\[[a-fA-F0-9:]+\\])(?::(?<port>[0-9]+))?$`,
  'u',
)
const pathPart = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const repositoryPattern = new RegExp(`^${pathPart}(?:/${pathPart})*$`, 'u')
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/u
const digestPattern = /^[A-Za-z][A-Za-z0-9]*(?:[+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/u
const digestLengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 }

/** Characters that registry and repository may have together. */
const nameLimit = 255
/** Characters of a whole reference: a name, a tag of 128 and any digest are fewer. */
const textLimit = 1024

/**
 * Parses a reference by the grammar of github.com/distribution/reference, with its defaults: no registry means
 * docker.io, and there one part means `library/`. The first part is a registry when it has a ".", a ":" or an upper
 * case letter, or is `localhost`. No tag is made up.
 * @throws ImageReferenceError
 */
export function parseImageReference(text: string): ImageReference {
  const refuse = (why: string): never => {
    throw new ImageReferenceError(`"${text.slice(0, textLimit)}" is not an image reference: ${why}`)
  }
  if (text.length > textLimit) refuse(`it is longer than ${textLimit} characters`)
  if (text === '') refuse('it is empty')
  if (/\s/u.test(text)) refuse('it holds a space')
  const scheme = /^[a-z]+:\/\//u.exec(text)?.[0]
  if (scheme !== undefined) refuse(`leave "${scheme}" out`)

  const [beforeDigest = '', digest, ...more] = text.split('@')
  if (more.length > 0) refuse('it has more than one "@"')
  const colon = beforeDigest.indexOf(':', beforeDigest.lastIndexOf('/') + 1)
  const tag = colon === -1 ? undefined : beforeDigest.slice(colon + 1)
  const { registry, repository } = splitName(colon === -1 ? beforeDigest : beforeDigest.slice(0, colon))

  const host = registryPattern.exec(registry)
  if (host === null || Number(host.groups?.['port'] ?? 0) > 65_535) refuse(`"${registry}" is not a registry`)
  if (repository === '') refuse('it names no repository')
  if (!repositoryPattern.test(repository)) {
    const hint = repository === repository.toLowerCase() ? '' : ': upper case letters are not allowed'
    refuse(`"${repository}" is not a repository${hint}`)
  }
  if (registry.length + repository.length + 1 > nameLimit)
    refuse(`its name is longer than ${nameLimit} characters`)
  if (tag !== undefined && !tagPattern.test(tag)) {
    refuse(
      tag === ''
        ? 'the tag is empty'
        : `"${tag}" is not a tag (letters, digits, "_", "." and "-", at most 128)`,
    )
  }
  if (digest !== undefined && !isDigest(digest))
    refuse(`"${digest}" is not a digest such as sha256:<64 hex digits>`)
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  }
}

function splitName(name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/')
  const first = slash === -1 ? '' : name.slice(0, slash)
  const isRegistry = /[.:]/u.test(first) || first === 'localhost' || first !== first.toLowerCase()
  const registry = isRegistry ? first : defaultRegistry
  const path = isRegistry ? name.slice(slash + 1) : name
  if (registry !== defaultRegistry && registry !== `index.${defaultRegistry}`)
    return { registry, repository: path }
  const implied = path !== '' && !path.includes('/')
  return { registry: defaultRegistry, repository: implied ? `library/${path}` : path }
}

/** Is this the digest of an image: `sha256:` and 64 hexadecimal digits, or another algorithm of the specification? */
export function isDigest(digest: string): boolean {
  const [algorithm = '', hex = ''] = digest.split(':')
  return digestPattern.test(digest) && hex.length === (digestLengths[algorithm] ?? hex.length)
}

/** The reference in full, for pulling and comparing: `docker.io/library/busybox:1`. */
export function formatImageReference(reference: ImageReference): string {
  const { registry, repository, tag, digest } = reference
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}

/**
 * The text of a reference with this digest, in place of its own if it has one. The tag stays, for people; container
 * runtimes pull by the digest.
 * @throws ImageReferenceError for a digest that is none
 */
export function withDigest(reference: string, digest: string): string {
  const pinned = `${reference.split('@')[0] ?? ''}@${digest}`
  parseImageReference(pinned)
  return pinned
}
