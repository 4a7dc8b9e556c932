import { createHash } from 'node:crypto'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** Folder of the project. */
export const projectRoot = join(import.meta.dirname, '..')

/** Files of the project in these folders, and these files, by path below its root, sorted; those of tests are left out. */
export async function sourceFiles(sources: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const source of sources) {
    if (source.includes('.')) found.push(source)
    else
      for (const entry of await readdir(join(projectRoot, source), {
        recursive: true,
        withFileTypes: true,
      })) {
        const path = relative(projectRoot, join(entry.parentPath, entry.name))
        if (entry.isFile() && !isForTests(path)) found.push(path)
      }
  }
  return found.sort()
}

function isForTests(path: string): boolean {
  return path.endsWith('.test.ts') || path.includes('/testing/') || /\/test[A-Z]\w*\.ts$/.test(path)
}

/** 12 digits over files of the project and over `more`, which decides as well what is made of them. */
export async function contentHash(files: readonly string[], more = ''): Promise<string> {
  const hash = createHash('sha256').update(more)
  for (const file of files) hash.update(`${file}\0`).update(await readFile(join(projectRoot, file)))
  return hash.digest('hex').slice(0, 12)
}

/** Removes all files of this name in the folder but the `count` last used: each change of a source makes another. */
export async function keepLatest(folder: string, name: RegExp, count: number): Promise<void> {
  const names = (await readdir(folder)).filter((found) => name.test(found))
  const aged = await Promise.all(
    names.map(async (found) => {
      const file = join(folder, found)
      return { file, usedAt: (await stat(file)).mtimeMs }
    }),
  )
  const old = aged.toSorted((a, b) => b.usedAt - a.usedAt).slice(count)
  for (const { file } of old) await rm(file, { force: true })
}
