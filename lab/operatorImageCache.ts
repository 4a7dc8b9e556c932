import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseDockerfile } from './dockerfile.ts'
import { knownDigest } from './images/pushImage.ts'
import { cacheRoot } from './programs/cache.ts'
import { contentHash, projectRoot, sourceFiles } from './sources.ts'

export const dockerfile = join('deploy', 'Dockerfile')

/** Every file that deploy/Dockerfile copies, by path below the project's folder, sorted. */
export async function copiedFiles(): Promise<string[]> {
  const { copied } = parseDockerfile(await readFile(join(projectRoot, dockerfile), 'utf8'))
  return await sourceFiles(copied)
}

/** What the image is made of on a base of this digest, and where the cache has it. */
export async function operatorImageOf(base: string) {
  const files = [...(await copiedFiles()), dockerfile]
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
