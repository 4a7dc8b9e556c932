import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { ImageReference } from '../../api/imageReference.ts'
import { imageLabels } from '../../api/names.ts'
import { errorCode } from './answers.ts'
import { type Answer, hidden, unreachable } from './connection.ts'
import { CheckEnd, type ImageTraits } from './imageCheck.ts'
import type { Repository } from './repository.ts'

/** A manifest that is there. `body` is known when it had to be fetched. */
export interface Manifest {
  readonly digest: string
  readonly body: Buffer | undefined
}

/** Everything an image reference can stand for. */
const mediaTypes: readonly string[] = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]
const accept = mediaTypes.join(', ')

const digestText = /^(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/

/**
 * Finds the manifest of a reference (tag `latest` when it has neither tag nor digest). Throws a CheckEnd, `absent`
 * only when a registry, and not something else under its name, says that it is not there.
 */
export async function findManifest(repository: Repository, reference: ImageReference): Promise<Manifest> {
  const path = pathOf(reference)
  const head = await repository.ask('HEAD', path, { accept })
  const digest = head.headers['docker-content-digest']
  if (head.status === 200 && typeof digest === 'string' && digestText.test(digest)) {
    if (reference.digest === undefined || reference.digest === digest) return { digest, body: undefined }
  }
  return await fetchManifest(repository, path, reference.digest)
}

function pathOf({ digest, tag = 'latest' }: ImageReference): string {
  return `manifests/${digest ?? tag}`
}

/** Fetches a manifest; its digest is that of the bytes that came. */
async function fetchManifest(
  repository: Repository,
  path: string,
  wanted: string | undefined,
): Promise<{ readonly digest: string; readonly body: Buffer }> {
  const answer = await repository.ask('GET', path, { accept })
  if (answer.status === 404) throw absence(repository, answer)
  // What another service inside answers is no image, and its digest would say something about it.
  if (answer.isHidden && !isManifestType(answer.headers['content-type']))
    throw fault(repository, answer, hidden)
  const named = answer.headers['docker-content-digest']
  if (named !== undefined && !isDigest(named))
    throw fault(repository, answer, 'it names a digest that is none')
  const claimed = wanted ?? named
  const algorithm = isDigest(claimed) ? claimed.split(':')[0] : undefined
  const digest = digestOf(answer.body, algorithm ?? 'sha256')
  if (claimed !== undefined && claimed !== digest)
    throw fault(repository, answer, `it sent a manifest that is ${digest}, not ${claimed}`)
  return { digest, body: answer.body }
}

function isDigest(text: unknown): text is string {
  return typeof text === 'string' && digestText.test(text)
}

function isManifestType(header: unknown): boolean {
  const [type = ''] = typeof header === 'string' ? header.split(';') : []
  return mediaTypes.includes(type.trim().toLowerCase())
}

/** The end of a check at an answer that is of no use. */
function fault({ registry }: Repository, { isHidden }: Pick<Answer, 'isHidden'>, why: string): CheckEnd {
  return unreachable(registry, isHidden ? hidden : why)
}

/** A proxy or a wrong address may say 404 as well; building on that would overwrite an image that is there. */
function absence(repository: Repository, answer: Answer): CheckEnd {
  if (errorCode(answer) !== undefined || repository.isRegistry) return new CheckEnd({ kind: 'absent' })
  return unreachable(repository.registry, 'it answers 404 to everything, so it is no registry')
}

function digestOf(body: Buffer, algorithm: string): string {
  return `${algorithm}:${createHash(algorithm).update(body).digest('hex')}`
}

/** There are fewer that Go knows. */
const mostArchitectures = 32
const word = z.string().max(64).optional()
const platformSchema = z.looseObject({ architecture: word, os: word })
const configSchema = platformSchema.extend({
  // Odd labels are no reason not to use an image.
  config: z
    .looseObject({ Labels: z.record(z.string(), z.string()).optional().catch({}) })
    .optional()
    .catch({}),
})
const manifestSchema = z.looseObject({
  manifests: z.array(z.looseObject({ platform: platformSchema.optional() })).optional(),
  config: z.looseObject({ digest: z.string().regex(digestText) }).optional(),
})

/** What an image may say of where it comes from, as the operator wrote it: a node's name is no longer. */
const longestLabel = 512

/** Of the labels only those that say where an image comes from; who writes more into them than the operator is not read. */
function ourLabels(all: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const names = Object.values(imageLabels)
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = Object.hasOwn(all, name) ? all[name] : undefined
      return value === undefined || value.length > longestLabel ? [] : [[name, value]]
    }),
  )
}

/** What an image says of itself: the Linux images of an index, or the one image. Throws a CheckEnd. */
export async function traitsOf(repository: Repository, manifest: Manifest): Promise<ImageTraits> {
  const body =
    manifest.body ?? (await fetchManifest(repository, `manifests/${manifest.digest}`, manifest.digest)).body
  const { manifests, config } = parse(repository, 'manifest', { body, isHidden: false }, manifestSchema)
  if (manifests !== undefined) {
    const platforms = manifests.flatMap(({ platform }) =>
      platform?.os === 'linux' ? [platform.architecture] : [],
    )
    const known = platforms.filter((architecture) => architecture !== undefined)
    return { architectures: [...new Set(known)].sort().slice(0, mostArchitectures), labels: {} }
  }
  if (config === undefined) return { architectures: [], labels: {} }
  const blob = await repository.ask('GET', `blobs/${config.digest}`)
  if (blob.status === 404) throw fault(repository, blob, `it has lost ${config.digest}`)
  const algorithm = config.digest.split(':')[0] ?? ''
  if (digestOf(blob.body, algorithm) !== config.digest)
    throw fault(repository, blob, `it sent something else than ${config.digest}`)
  const said = parse(repository, 'image configuration', blob, configSchema)
  return {
    architectures: said.architecture ? [said.architecture] : [],
    labels: ourLabels(said.config?.Labels ?? {}),
  }
}

function parse<T>(
  repository: Repository,
  what: string,
  answer: Pick<Answer, 'body' | 'isHidden'>,
  schema: z.ZodType<T>,
): T {
  try {
    return schema.parse(JSON.parse(answer.body.toString('utf8')))
  } catch {
    throw fault(repository, answer, `it sent a ${what} that is none`)
  }
}
