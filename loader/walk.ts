import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'

/** Something in a folder, with its path below the folder that is walked. */
export interface Walked {
  readonly path: string
  readonly kind: 'file' | 'link' | 'other'
  /** Bytes, also those of holes. */
  readonly size: number
  readonly executable: boolean
}

export interface WalkLimits {
  readonly entries: number
  /** Folders in folders. */
  readonly depth: number
}

/**
 * Everything below a folder of an image but the folders themselves; no link is followed.
 * @throws Error when there is more than `limits` allow, or something cannot be looked at
 */
export async function* walk(folder: string, limits: WalkLimits): AsyncGenerator<Walked> {
  const folders = ['']
  let entries = 0
  for (let below = folders.pop(); below !== undefined; below = folders.pop()) {
    for await (const { name } of await opendir(join(folder, below))) {
      entries++
      if (entries > limits.entries) throw new Error(`it has more than ${limits.entries} files and folders`)
      const path = join(below, name)
      const facts = await lstat(join(folder, path))
      if (facts.isDirectory()) {
        if (path.split('/').length > limits.depth)
          throw new Error(`it has more than ${limits.depth} folders in one another`)
        folders.push(path)
        continue
      }
      yield {
        path,
        kind: facts.isFile() ? 'file' : facts.isSymbolicLink() ? 'link' : 'other',
        size: facts.size,
        executable: (facts.mode & 0o111) !== 0,
      }
    }
  }
}
