import { readdir, readlink, realpath } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { Stop } from '../finding.ts'
import { lookAt, type Content } from './content.ts'
import { storeName, type FirmwareStore, type Manifest, type OwnedFile } from './store.ts'

/** A file or link of the image, and where it goes. */
export interface Placement {
  /** Below the firmware directory, without links. */
  readonly path: string
  /** The image's file. */
  readonly from: string
  /** How it is owned from now on. */
  readonly owned: OwnedFile
  /** It stands there already. */
  readonly there: boolean
}

export interface InstallPlan {
  readonly placements: readonly Placement[]
  /** Folders that must be made, outer ones first. */
  readonly folders: readonly string[]
  /** Files of this Module that the image has no more. */
  readonly stale: readonly string[]
}

/**
 * What has to be done so that the Module's firmware in a directory is just that of `source`. Distribution files give
 * way and are kept; a file of another Module with other content is a conflict. Touches nothing.
 * @throws Stop with `FirmwareConflict` or `FirmwareNotCopied`
 */
export async function planInstall(
  { root }: FirmwareStore,
  manifest: Manifest,
  source: string,
  owner: string,
): Promise<InstallPlan> {
  const placements = new Map<string, Placement>()
  const folders = new Set<string>()
  for (const { name, from, content } of await readSource(source)) {
    const { path, missing } = await placeOf(root, name)
    const twin = placements.get(path)
    if (twin !== undefined && twin.owned.content !== content)
      throw conflict(`${name} and ${relative(source, twin.from)} of the image are one file on the node`)
    for (const folder of missing) folders.add(folder)
    const found = await lookAt(join(root, path))
    if (found.kind === 'folder' || found.kind === 'other')
      throw conflict(`${path} is a file or link in the image and a ${found.kind} on the node`)
    const now = found.kind === 'content' ? found.content : undefined
    const owned = ownedFrom(path, content, owner, manifest.files[path], now)
    placements.set(path, { path, from, owned, there: now === content })
  }
  const stale = Object.entries(manifest.files)
    .filter(([path, file]) => file.owners.includes(owner) && !placements.has(path))
    .map(([path]) => path)
  return { placements: [...placements.values()], folders: [...folders], stale }
}

/** `now` is what stands there; when it is neither the owners' nor what was before, somebody changed it meanwhile. */
function ownedFrom(
  path: string,
  content: Content,
  owner: string,
  known: OwnedFile | undefined,
  now: Content | undefined,
): OwnedFile {
  const others = known?.owners.filter((other) => other !== owner) ?? []
  if (known !== undefined && others.length > 0 && known.content !== content) {
    throw conflict(
      `${path} is also firmware of Module ${others.join(', ')}, with other content: remove one of the Modules, or give the file another name`,
    )
  }
  const ours = known !== undefined && now !== undefined && (now === known.content || now === known.replaces)
  const was = known !== undefined && (ours || now === known.was) ? known.was : now
  return {
    content,
    owners: [...others, owner],
    ...(was === undefined ? {} : { was }),
    ...(ours && now !== content ? { replaces: now } : {}),
  }
}

interface SourceFile {
  readonly name: string
  readonly from: string
  readonly content: Content
}

/** Files and links of the image's firmware; a link out of it is refused, and so is what is neither. */
async function readSource(source: string): Promise<readonly SourceFile[]> {
  const files: SourceFile[] = []
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue
    const from = join(entry.parentPath, entry.name)
    const name = relative(source, from)
    if (name === storeName || name.startsWith(`${storeName}/`))
      throw notCopied(`${name}: the loader keeps its own files under ${storeName}`)
    if (entry.isSymbolicLink()) {
      const text = await readlink(from)
      if (text.startsWith('/') || !isWithin(source, resolve(dirname(from), text)))
        throw notCopied(`link ${name} -> ${text} leads out of the image's firmware`)
    }
    const found = await lookAt(from)
    if (found.kind !== 'content') throw notCopied(`${name} is neither a file, a folder nor a link`)
    files.push({ name, from, content: found.content })
  }
  return files
}

/** Where a file of the image goes when the links of the node's folders are followed, and which folders it lacks. */
async function placeOf(root: string, name: string): Promise<{ path: string; missing: readonly string[] }> {
  const segments = dirname(name) === '.' ? [] : dirname(name).split('/')
  let folder = root
  const missing: string[] = []
  for (const segment of segments) {
    folder = join(folder, segment)
    const { kind } = missing.length > 0 ? ({ kind: 'nothing' } as const) : await lookAt(folder)
    if (kind === 'nothing') missing.push(relative(root, folder))
    else folder = await folderBehind(folder, relative(root, folder))
    if (!isWithin(root, folder))
      throw notCopied(`${dirname(name)} leads out of the firmware directory through a link on the node`)
  }
  return { path: relative(root, join(folder, basename(name))), missing }
}

async function folderBehind(path: string, name: string): Promise<string> {
  const real = await realpath(path).catch(() => path)
  if ((await lookAt(real)).kind === 'folder') return real
  throw conflict(`${name} is a folder in the image and none on the node`)
}

const isWithin = (root: string, path: string): boolean => path === root || path.startsWith(`${root}/`)
const conflict = (message: string): Stop => new Stop('FirmwareConflict', message)
const notCopied = (message: string): Stop => new Stop('FirmwareNotCopied', message)
