import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { knownDigest } from './images/pushImage.ts'
import { cacheRoot } from './programs/cache.ts'
import { contentHash, sourceFiles } from './sources.ts'

/** What deploy/Dockerfile copies. */
const sources = [
  'package.json',
  'package-lock.json',
  'api',
  'workflows',
  'activities',
  'worker',
  'loader',
  'signer',
  'cli',
]
export const dockerfile = join('deploy', 'Dockerfile')
const prune = join('deploy', 'prune.sh')

/** What the image is made of on a base of this digest, and where the cache has it. */
export async function operatorImageOf(base: string) {
  const files = [...(await sourceFiles(sources)), dockerfile, prune]
  const key = await contentHash(files, base)
  return { files, key, tar: join(cacheRoot(), 'images', `operator-${key}.tar`) }
}

/** The image as the cache has it, as `crane pull` writes it; `nodeBase` is the tar that its base is made of. */
export async function cachedOperatorImage(nodeBase: string): Promise<string | undefined> {
  const base = await knownDigest(nodeBase)
  if (base === undefined) return undefined
  const { tar } = await operatorImageOf(base)
  return existsSync(tar) ? tar : undefined
}
