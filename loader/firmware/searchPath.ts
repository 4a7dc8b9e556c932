import { readFile, writeFile } from 'node:fs/promises'
import { workerPaths } from '../../api/workerCommand.ts'
import type { Host } from '../host.ts'
import type { Manifest } from './manifest.ts'

/** The kernel looks here by itself, so nothing has to be set. */
const builtInPath = '/lib/firmware'

type SearchPath = Manifest['searchPath']

/** The kernel's answer ends in a newline. */
const current = async (host: Host): Promise<string> =>
  (await readFile(host.path(workerPaths.firmwareSearchPath), 'utf8')).trim()

/** A write of nothing does not reach the kernel; a NUL is the empty text. */
const write = async (host: Host, path: string): Promise<void> =>
  await writeFile(host.path(workerPaths.firmwareSearchPath), path === '' ? '\0' : path)

/** What has to be written down before the kernel is told to look in `folder`; undefined: it does so by itself. */
export async function searchPathFor(host: Host, folder: string, known: SearchPath): Promise<SearchPath> {
  if (folder === builtInPath) return undefined
  const now = await current(host)
  return now === folder ? (known ?? { set: folder, was: '' }) : { set: folder, was: now }
}

/** Tells the kernel where to look (nodes:WRK-3), unless it looks there. */
export async function setSearchPath(host: Host, wanted: SearchPath): Promise<void> {
  if (wanted !== undefined && (await current(host)) !== wanted.set) await write(host, wanted.set)
}

/** Gives back the search path of before, unless somebody has set another meanwhile. */
export async function restoreSearchPath(host: Host, known: SearchPath): Promise<void> {
  if (known !== undefined && (await current(host)) === known.set) await write(host, known.was)
}
