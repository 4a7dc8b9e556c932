import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheRoot, publish, withScratch } from './programs/cache.ts'
import { runOrThrow } from './programs/exec.ts'
import { withLock } from './programs/lock.ts'
import { contentHash, keepLatest, projectRoot, sourceFiles } from './sources.ts'

/** What is reached from the workflows. */
const sources = ['package-lock.json', 'api', 'workflows', 'activities', 'worker']

/** So many bundles, the last used ones, stay in the cache. */
const kept = 5

/**
 * The workflows as one file, as the operator's image has them. Made once for the same sources and kept in the cache:
 * an operator that makes it itself takes seconds more of the processor. Rejects with CommandFailed.
 */
export async function workflowBundle(): Promise<string> {
  const root = cacheRoot()
  const folder = join(root, 'workflows')
  const key = `workflows-${await contentHash(await sourceFiles(sources))}`
  const file = join(folder, `${key}.js`)
  if (existsSync(file)) return file
  await withLock(root, key, {}, async () => {
    if (existsSync(file)) return
    await withScratch(root, key, async (scratch) => {
      const made = join(scratch, 'workflows.js')
      await runOrThrow([process.execPath, join(projectRoot, 'worker/bundle.ts'), made])
      await mkdir(folder, { recursive: true })
      await publish(made, file)
    })
    await keepLatest(folder, /^workflows-\w+\.js$/, kept)
  })
  return file
}
