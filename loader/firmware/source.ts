import { join } from 'node:path'
import { Stop } from '../finding.ts'
import { walk } from '../walk.ts'
import { lookAt, type Content } from './content.ts'
import { storeName } from './manifest.ts'

/** A file or link of the image's firmware. */
export interface SourceFile {
  /** Its path in `firmwarePath`. */
  readonly name: string
  readonly from: string
  readonly content: Content
  readonly executable: boolean
}

/**
 * More than all firmware that Linux distributions have together. The bytes count as they are on the node, where a file
 * with holes has none.
 */
export const sourceLimits = { entries: 20_000, depth: 32, bytes: 2 * 1024 ** 3 }

/**
 * Files and links of the image's firmware; what is neither is refused, and so is more than `sourceLimits`.
 * @throws Stop with `FirmwareNotCopied`
 */
export async function readSource(source: string): Promise<readonly SourceFile[]> {
  const files: SourceFile[] = []
  let bytes = 0
  for await (const { path, kind, size, executable } of walk(source, sourceLimits)) {
    if (path === storeName || path.startsWith(`${storeName}/`))
      throw notCopied(`${path}: the loader keeps its own files under ${storeName}`)
    if (kind === 'file') bytes += size
    if (bytes > sourceLimits.bytes)
      throw notCopied(`the image's firmware has more than ${sourceLimits.bytes} bytes`)
    const from = join(source, path)
    const found = await lookAt(from)
    if (found.kind !== 'content') throw notCopied(`${path} is neither a file, a folder nor a link`)
    files.push({ name: path, from, content: found.content, executable: kind === 'file' && executable })
  }
  return files
}

const notCopied = (message: string): Stop => new Stop('FirmwareNotCopied', message)
