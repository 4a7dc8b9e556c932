import { chmod, glob, mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import type { SignCommand } from '../api/signCommand.ts'
import type { Credentials } from './credentials.ts'
import { signedFile } from './moduleSignature.ts'
import { SignError } from './signError.ts'

/** Where the signer reads and writes; in a pod `signPaths`. */
export interface Places {
  /** A copy of the command's folder. */
  readonly tree: string
  readonly context: string
}

/**
 * Signs every file that the command means, and writes what the executor needs: the files under their own paths below
 * `context`/files, and a Dockerfile that puts them over the image. Resolves with their paths in the image, sorted.
 * A file that several patterns mean is signed once; a pattern that means none is an error (images:SGN-6 Better).
 * @throws SignError FilesToSignMissing or FileNotSignable
 */
export async function signFiles(
  { source, folder, files }: SignCommand,
  credentials: Credentials,
  { tree, context }: Places,
): Promise<string[]> {
  const root = await realpath(tree)
  const found = new Set<string>()
  for (const pattern of files) {
    let matches = 0
    for await (const match of glob(relative(folder, pattern), { cwd: root })) {
      matches++
      found.add(match)
    }
    if (matches === 0) {
      const message = `sign.filesToSign: the image has no file ${pattern}.`
      throw new SignError('FilesToSignMissing', message)
    }
  }
  const signed = [...found].toSorted()
  for (const path of signed) {
    const { content, mode } = await readSignable(root, path, join(folder, path))
    const target = join(context, 'files', folder, path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, signedFile(content, credentials))
    await chmod(target, mode)
  }
  await writeFile(join(context, 'Dockerfile'), `FROM ${source}\nCOPY files/ /\n`)
  return signed.map((path) => join(folder, path))
}

/** The kernel unpacks a module before it looks for its signature: a compressed file would be signed in vain. */
const compressed = /\.ko\.(?:xz|gz|zst)$/

async function readSignable(root: string, path: string, name: string) {
  const refuse = (why: string) => new SignError('FileNotSignable', `sign.filesToSign: ${name} ${why}.`)
  if (compressed.test(path)) throw refuse('is compressed: a module is signed first and compressed then')
  // A link may lead anywhere: what is not a copy from the image is not read.
  const real = await realpath(join(root, path)).catch(() => undefined)
  if (real === undefined || relative(root, real).startsWith('..')) {
    throw refuse('is a link that leads out of the folder that all files to sign have in common')
  }
  const stats = await stat(real)
  if (!stats.isFile()) throw refuse('is no file')
  return { content: await readFile(real), mode: stats.mode & 0o777 }
}
