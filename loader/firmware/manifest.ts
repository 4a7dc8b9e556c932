import type { Content } from './content.ts'

/** What the loader keeps in a firmware directory: the manifest and what was replaced. Gone when nothing is owned. */
export const storeName = '.kmm'

/** A file or link that Modules put there. `was`: what stood there before; absent when nothing did. */
export interface OwnedFile {
  readonly content: Content
  /** Modules that brought this content, as namespace/name. */
  readonly owners: readonly string[]
  readonly was?: Content
  /** While an install goes on: the owner's content of before, which may still stand there. */
  readonly replaces?: Content
}

/** Who owns what in a firmware directory; paths are below it, without links. */
export interface Manifest {
  readonly version: 1
  readonly files: Readonly<Record<string, OwnedFile>>
  /** Folders that were made for these files. */
  readonly folders: readonly string[]
  /** The kernel's search path that was set for this directory, and what it was. */
  readonly searchPath?: { readonly set: string; readonly was: string }
}

/**
 * Reads a manifest from its text. Its paths and digests become paths of the node, so none may lead out of the directory
 * or into the store.
 * @throws Error that names the field
 */
export function parseManifest(text: string): Manifest {
  const manifest = JSON.parse(text) as Manifest
  must('version', manifest.version === 1)
  must('files', isObject(manifest.files))
  for (const [path, file] of Object.entries(manifest.files)) {
    const at = `files[${JSON.stringify(path)}]`
    must(at, isBelow(path) && isObject(file))
    must(`${at}.content`, isContent(file.content))
    must(`${at}.was`, file.was === undefined || isContent(file.was))
    must(`${at}.replaces`, file.replaces === undefined || isContent(file.replaces))
    must(`${at}.owners`, isStrings(file.owners))
  }
  must('folders', isStrings(manifest.folders) && manifest.folders.every(isBelow))
  const { searchPath } = manifest
  must('searchPath', searchPath === undefined || isStrings([searchPath.set, searchPath.was]))
  return manifest
}

/** Whether a path is one below the directory that is no part of the store. */
export function isBelow(path: string): boolean {
  const [first, ...others] = path.split('/')
  return (
    first !== storeName && [first, ...others].every((name) => name !== '' && name !== '.' && name !== '..')
  )
}

function must(field: string, holds: boolean): void {
  if (!holds) throw new Error(`${field} is not as this loader writes it`)
}

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isStrings = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')
const isContent = (value: unknown): boolean =>
  typeof value === 'string' && /^(?:sha256:[0-9a-f]{64}$|link:)/.test(value)
