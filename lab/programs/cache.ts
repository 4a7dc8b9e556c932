import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { isExecutable } from './lookup.ts'
import type { ProgramSpec } from './types.ts'

/** The cache of everything the lab fetches: `$XDG_CACHE_HOME/kmm-temporal`, by default `~/.cache/kmm-temporal`. */
export const cacheRoot = (env: NodeJS.ProcessEnv = process.env): string => {
  const base = env['XDG_CACHE_HOME']
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'kmm-temporal')
}

/** The folder of a program in the cache. What Debian supplies is kept apart: its version is Debian's choice. */
export const programFolder = (root: string, spec: ProgramSpec, origin: 'release' | 'debian'): string =>
  join(root, 'programs', `${spec.name}-${origin === 'release' ? spec.version : 'debian'}`)

/** Path of the result inside a program's folder. */
export const resultIn = (folder: string, spec: ProgramSpec): string =>
  spec.file === '.' ? folder : join(folder, spec.file)

const complete = async (folder: string, spec: ProgramSpec): Promise<boolean> => {
  const files = spec.lookup.kind === 'directory' ? spec.lookup.contains : [spec.file]
  return (await Promise.all(files.map((file) => isExecutable(join(folder, file))))).every(Boolean)
}

/** The cached result of a program, or undefined. A folder in the cache is always whole: it gets its name last. */
export const cached = async (root: string, spec: ProgramSpec): Promise<string | undefined> => {
  for (const origin of ['release', 'debian'] as const) {
    const folder = programFolder(root, spec, origin)
    if (await complete(folder, spec)) return resultIn(folder, spec)
  }
  return undefined
}

/**
 * Runs `work` in a fresh scratch folder beside the cache's results and removes it afterwards. Scratch folders of the
 * same key left by a killed process are removed first; so the caller must hold the key's lock.
 */
export const withScratch = async <T>(
  root: string,
  key: string,
  work: (folder: string) => Promise<T>,
): Promise<T> => {
  const parent = join(root, 'tmp')
  await mkdir(parent, { recursive: true })
  for (const name of await readdir(parent)) {
    if (name.startsWith(`${key}.`)) await rm(join(parent, name), { recursive: true, force: true })
  }
  const folder = await mkdtemp(join(parent, `${key}.`))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Moves a finished scratch folder to its name in the cache in one step; an unusable one of that name gives way. */
export const publish = async (from: string, to: string): Promise<void> => {
  await mkdir(join(to, '..'), { recursive: true })
  await rm(to, { recursive: true, force: true })
  await rename(from, to)
}
