import type { KernelStatus } from '../api/module.ts'

/** A digest that a run found, or says it found, under an image reference. */
export interface FoundDigest {
  readonly image: string
  readonly digest: string
}

/** So long, in milliseconds, what a registry answered needs no second question. */
const rememberedMs = 10 * 60_000
/** More than a process learns in that time; the oldest are asked for again. */
const most = 10_000

/** When this process was last told, by reference and digest; in milliseconds since 1970. */
const answers = new Map<string, number>()

const keyOf = ({ image, digest }: FoundDigest) => `${image} ${digest}`

/** Keeps in this process that a registry, or a node in its place, has this digest under this very reference. */
export function rememberDigest(found: FoundDigest): void {
  const key = keyOf(found)
  answers.delete(key)
  answers.set(key, Date.now())
  const [oldest] = answers.keys()
  if (answers.size > most && oldest !== undefined) answers.delete(oldest)
}

/**
 * The digests of an entry that neither stand in status already nor were answered by a registry to this process. Nodes
 * load by the digest in status: what a workflow says, and whoever reaches its Temporal namespace, is no reason to
 * write one.
 */
export function unverifiedDigests(
  stored: KernelStatus | undefined,
  entry: KernelStatus | undefined,
): FoundDigest[] {
  const known = new Set(digestsIn(stored).map(keyOf))
  const since = Date.now() - rememberedMs
  return digestsIn(entry).filter((found) => {
    const key = keyOf(found)
    return !known.has(key) && (answers.get(key) ?? 0) <= since
  })
}

function digestsIn(entry: KernelStatus | undefined): FoundDigest[] {
  const { image = '', digest, unsigned } = entry ?? {}
  return [...(digest === undefined ? [] : [{ image, digest }]), ...(unsigned === undefined ? [] : [unsigned])]
}
