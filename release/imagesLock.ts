import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { imagesLockSchema, type ImagesLock, type LockedImage } from '../api/imagesLock.ts'

/** The lock file of the images, below the project's folder. */
export const lockFile = join('deploy', 'images.lock.json')

/** Reads the lock file of a project. Throws for a missing file and, with the fields, for a wrong one. */
export async function readLock(project: string): Promise<ImagesLock> {
  return imagesLockSchema.parse(JSON.parse(await readFile(join(project, lockFile), 'utf8')))
}

/** Replaces the lock file in one step. */
export async function writeLock(project: string, lock: ImagesLock): Promise<void> {
  const file = join(project, lockFile)
  const draft = `${file}.${process.pid}`
  await writeFile(draft, `${JSON.stringify(lock, null, 2)}\n`)
  await rename(draft, file)
}

/** Images whose digest is not known yet. */
export function unlocked({ images }: ImagesLock): readonly LockedImage[] {
  return images.filter(({ digest }) => digest === null)
}
