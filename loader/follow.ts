import { lstat, readlink } from 'node:fs/promises'
import { unlessAbsent } from './host.ts'

/** What stands at a path: a link itself, not what it leads to. */
export type Entry =
  | { readonly kind: 'folder' | 'file' | 'other' | 'nothing' }
  | { readonly kind: 'link'; readonly text: string }

/** A folder that is taken for the root while links are followed. Paths below it have no `/` in front; itself is ''. */
export interface Root {
  look(path: string): Promise<Entry>
  /** The path below the root that an absolute link means; undefined: none below it. */
  enter(absolute: string): string | undefined
  /** Whether `..` in the root stays there, as in the root of a file system, or leaves it. */
  readonly above: 'stays' | 'leaves'
}

export type Followed =
  | { readonly kind: 'leaves' | 'endless' }
  | {
      readonly kind: 'folder' | 'file' | 'other' | 'nothing'
      /** Below the root, without links. */
      readonly path: string
      /** The parts of it that do not exist, outer ones first. */
      readonly missing: readonly string[]
      /** A link on the way leads to something that does not exist. */
      readonly dangling: boolean
    }

/** As many links as Linux follows in one path, and parts of paths that all of them may have together. */
const linkLimit = 40
const stepLimit = 2_000

export async function entryAt(path: string): Promise<Entry> {
  const facts = await lstat(path).catch(unlessAbsent)
  if (facts === undefined) return { kind: 'nothing' }
  if (facts.isSymbolicLink()) return { kind: 'link', text: await readlink(path) }
  if (facts.isDirectory()) return { kind: 'folder' }
  return { kind: facts.isFile() ? 'file' : 'other' }
}

/**
 * Follows `path` below `root` one component at a time, so that every `..` is taken where it stands and not in the text.
 * Nothing is opened, so it is as good as the tree is quiet: the volume of the image is (its containers have ended), and
 * on the node only root writes.
 */
export async function follow(root: Root, path: string): Promise<Followed> {
  const pending = partsOf(path, false)
  let here: string[] = []
  let kind: 'folder' | 'file' | 'other' | 'nothing' = 'folder'
  let links = 0
  let dangling = false
  const missing: string[] = []
  for (let steps = 0; pending.length > 0; steps++) {
    if (steps >= stepLimit) return { kind: 'endless' }
    const { name, ofLink } = pending.pop() ?? { name: '', ofLink: false }
    if (name === '..') {
      if (here.length === 0 && root.above === 'leaves') return { kind: 'leaves' }
      here.pop()
      kind = 'folder'
      continue
    }
    const at = [...here, name].join('/')
    const entry = await root.look(at)
    if (entry.kind === 'link') {
      links++
      if (links > linkLimit) return { kind: 'endless' }
      const text = entry.text.startsWith('/') ? root.enter(entry.text) : entry.text
      if (text === undefined) return { kind: 'leaves' }
      if (entry.text.startsWith('/')) here = []
      pending.push(...partsOf(text, true))
      continue
    }
    here.push(name)
    kind = entry.kind
    if (kind === 'nothing') {
      missing.push(at)
      dangling ||= ofLink
    }
    if (kind === 'file' || kind === 'other') break
  }
  return { kind, path: here.join('/'), missing, dangling }
}

/** The components of a path, the first one last: a stack of what is to be walked. */
const partsOf = (path: string, ofLink: boolean): { name: string; ofLink: boolean }[] =>
  path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .map((name) => ({ name, ofLink }))
    .reverse()
