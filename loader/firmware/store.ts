import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { entryAt } from '../follow.ts'
import { unlessAbsent } from '../host.ts'
import { copyBytes, linkText, lookAt, type Content } from './content.ts'
import { parseManifest, storeName, type Manifest } from './manifest.ts'

/** Permissions of what comes from an image; never setuid, setgid or sticky. */
export const modes = { file: 0o644, program: 0o755, folder: 0o755 } as const

const empty: Manifest = { version: 1, files: {}, folders: [] }

/** A firmware directory of the node, with its store. All writes take effect whole or not at all. */
export class FirmwareStore {
  /** The directory, without links. */
  readonly root: string
  /** Its path on the node, as links there may name it. */
  readonly hostPath: string
  readonly #manifest: string

  constructor(root: string, hostPath: string) {
    this.root = root
    this.hostPath = hostPath
    this.#manifest = join(root, storeName, 'manifest.json')
  }

  /** @throws Error when the manifest is there and cannot be understood: then nobody knows what is whose */
  async read(): Promise<Manifest> {
    const { kind } = await entryAt(join(this.root, storeName))
    if (kind !== 'folder' && kind !== 'nothing')
      throw new Error(`${join(this.root, storeName)} is not the folder that the loader makes`)
    const text = await readFile(this.#manifest, 'utf8').catch(unlessAbsent)
    if (text === undefined) return empty
    try {
      return parseManifest(text)
    } catch (error) {
      throw new Error(
        `${this.#manifest} is not a manifest that this loader knows: ${(error as Error).message}`,
      )
    }
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
    await this.#copy(join(this.root, path), kept)
  }

  /** Puts a link, or the image's file `from` with permissions `mode`, at `path`. */
  async put(path: string, content: Content, from: string, mode: number): Promise<void> {
    await this.#make()
    const text = linkText(content)
    await this.#place(join(this.root, path), (scratch) =>
      text === undefined ? copyBytes(from, scratch, mode) : symlink(text, scratch),
    )
  }

  /** Puts back at `path` what `keep` has kept, or a link. */
  async restore(path: string, content: Content): Promise<void> {
    await this.#make()
    const text = linkText(content)
    if (text === undefined) await this.#copy(this.#kept(content), join(this.root, path))
    else await this.#place(join(this.root, path), (scratch) => symlink(text, scratch))
  }

  /** Whether the folders of `path` are folders, or missing, and no links by which it would lead elsewhere. */
  async isPlain(path: string): Promise<boolean> {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
      const { kind } = await entryAt(join(this.root, folder))
      if (kind !== 'folder' && kind !== 'nothing') return false
    }
    return true
  }

  async makeFolder(path: string): Promise<void> {
    await mkdir(join(this.root, path), { recursive: true })
    // Whatever the umask is, and the setgid bit of the folder that it is in.
    await chmod(join(this.root, path), modes.folder)
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
    if (!(await this.isPlain(path))) return
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

  /** Copies a file of the distribution, with its permissions but for setuid, setgid and sticky. */
  async #copy(from: string, to: string): Promise<void> {
    const { mode } = await lstat(from)
    await this.#place(to, (scratch) => copyBytes(from, scratch, mode & 0o777))
  }

  /** The kernel may read a file at any moment, so it is never there half written. */
  async #place(to: string, make: (scratch: string) => Promise<void>): Promise<void> {
    const scratch = this.#scratch
    await rm(scratch, { force: true })
    await make(scratch)
    await rename(scratch, to)
  }
}
