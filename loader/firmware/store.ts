import { copyFile, mkdir, readdir, readFile, rename, rm, rmdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { unlessAbsent } from '../host.ts'
import { linkText, lookAt, type Content } from './content.ts'

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

const empty: Manifest = { version: 1, files: {}, folders: [] }

/** A firmware directory of the node, with its store. All writes take effect whole or not at all. */
export class FirmwareStore {
  /** The directory, without links. */
  readonly root: string
  readonly #manifest: string

  constructor(root: string) {
    this.root = root
    this.#manifest = join(root, storeName, 'manifest.json')
  }

  /** @throws Error when the manifest is there and cannot be understood: then nobody knows what is whose */
  async read(): Promise<Manifest> {
    const text = await readFile(this.#manifest, 'utf8').catch(unlessAbsent)
    if (text === undefined) return empty
    try {
      const manifest = JSON.parse(text) as Manifest
      if (manifest.version === 1) return manifest
    } catch {
      // Falls through to the same answer.
    }
    throw new Error(`${this.#manifest} is not a manifest that this loader knows`)
  }

  async write(manifest: Manifest): Promise<void> {
    if (manifest.folders.length === 0 && Object.keys(manifest.files).length === 0) {
      return await rm(join(this.root, storeName), { recursive: true, force: true })
    }
    await this.#make()
    const scratch = this.#scratch
    await writeFile(scratch, `${JSON.stringify(manifest, undefined, 2)}\n`, { flush: true, mode: 0o644 })
    await rename(scratch, this.#manifest)
  }

  /** Keeps what stands at `path`, a file with this content, so that it can be restored. */
  async keep(path: string, content: Content): Promise<void> {
    const kept = this.#kept(content)
    if ((await lookAt(kept)).kind === 'content') return
    await this.#make()
    await mkdir(join(this.root, storeName, 'kept'), { recursive: true })
    await this.#place(kept, (scratch) => copyFile(join(this.root, path), scratch))
  }

  /** Puts `content` at `path`; a file's bytes come from `from`, by default from what was kept. */
  async put(path: string, content: Content, from = this.#kept(content)): Promise<void> {
    await this.#make()
    const text = linkText(content)
    await this.#place(join(this.root, path), (scratch) =>
      text === undefined ? copyFile(from, scratch) : symlink(text, scratch),
    )
  }

  /** Drops kept contents that no owned file needs any more. */
  async prune(manifest: Manifest): Promise<void> {
    const folder = join(this.root, storeName, 'kept')
    const needed = new Set(
      Object.values(manifest.files).flatMap(({ was }) => (was === undefined ? [] : [this.#kept(was)])),
    )
    for (const name of (await readdir(folder).catch(unlessAbsent)) ?? []) {
      const kept = join(folder, name)
      if (!needed.has(kept)) await rm(kept)
    }
  }

  /** Removes a folder that was made for firmware, unless something stands in it. */
  async removeFolder(path: string): Promise<void> {
    try {
      await rmdir(join(this.root, path))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT' && code !== 'ENOTDIR') throw error
    }
  }

  get #scratch(): string {
    return join(this.root, storeName, 'new')
  }

  #kept(content: Content): string {
    return join(this.root, storeName, 'kept', content.replace(':', '-'))
  }

  async #make(): Promise<void> {
    await mkdir(join(this.root, storeName), { recursive: true, mode: 0o700 })
  }

  /** The kernel may read a file at any moment, so it is never there half written. */
  async #place(to: string, make: (scratch: string) => Promise<void>): Promise<void> {
    const scratch = this.#scratch
    await rm(scratch, { force: true })
    await make(scratch)
    await rename(scratch, to)
  }
}
