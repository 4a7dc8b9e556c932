import { createHash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { lstat, open, readlink } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { unlessAbsent } from '../host.ts'

/** A file's digest (`sha256:...`) or a link's text (`link:...`): two that are equal are the same firmware. */
export type Content = string

/** What stands at a path: a file or link, or something that firmware can neither be nor replace. */
export type Found =
  | {
      readonly kind: 'content'
      readonly content: Content
      /** A file's permissions, with setuid, setgid and sticky; a link has none. */
      readonly mode?: number
    }
  | { readonly kind: 'nothing' | 'folder' | 'other' }

/** Looks at a path without following a link. */
export async function lookAt(path: string): Promise<Found> {
  const facts = await lstat(path).catch(unlessAbsent)
  if (facts === undefined) return { kind: 'nothing' }
  if (facts.isSymbolicLink()) return { kind: 'content', content: `link:${await readlink(path)}` }
  if (facts.isFile()) return { kind: 'content', content: await digestOf(path), mode: facts.mode & 0o7777 }
  return { kind: facts.isDirectory() ? 'folder' : 'other' }
}

/** The text of a link; undefined for a file. */
export const linkText = (content: Content): string | undefined =>
  content.startsWith('link:') ? content.slice('link:'.length) : undefined

async function digestOf(file: string): Promise<Content> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return `sha256:${hash.digest('hex')}`
}

/**
 * Copies a file's bytes to a new file with just these permissions; nothing else of `from` comes along, and no link is
 * followed.
 * @param mode of the copy; while it is being written, only its owner can read it
 */
export async function copyBytes(from: string, to: string, mode: number): Promise<void> {
  const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const target = await open(to, 'wx', 0o600)
    try {
      await target.writeFile(source.createReadStream({ autoClose: false }))
      await target.chmod(mode)
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}
