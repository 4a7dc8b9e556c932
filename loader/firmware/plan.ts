import { basename, dirname, join, relative } from 'node:path'
import { Stop } from '../finding.ts'
import type { Entry } from '../follow.ts'
import { linkText, lookAt, type Content } from './content.ts'
import { checkLink, placeOf, type Place } from './links.ts'
import type { Manifest, OwnedFile } from './manifest.ts'
import { readSource, type SourceFile } from './source.ts'
import { modes, type FirmwareStore } from './store.ts'

/** A file or link of the image, and where it goes. */
export interface Placement {
  /** Below the firmware directory, without links. */
  readonly path: string
  /** The image's file. */
  readonly from: string
  /** How it is owned from now on. */
  readonly owned: OwnedFile
  /** Its permissions on the node, when it is a file. */
  readonly mode: number
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
  store: FirmwareStore,
  manifest: Manifest,
  source: string,
  owner: string,
): Promise<InstallPlan> {
  const placements = new Map<string, Placement>()
  const places = new Map<string, Place>()
  for (const file of await readSource(source)) {
    const folder = dirname(file.name)
    const place = places.get(folder) ?? (await placeOf(store, folder))
    places.set(folder, place)
    const path = join(place.folder, basename(file.name))
    const twin = placements.get(path)
    if (twin !== undefined && twin.owned.content !== file.content)
      throw conflict(`${file.name} and ${relative(source, twin.from)} of the image are one file on the node`)
    placements.set(path, await placementOf(store, path, file, owner, manifest.files[path]))
  }
  await checkLinks(store, source, placements)
  const stale = Object.entries(manifest.files)
    .filter(([path, file]) => file.owners.includes(owner) && !placements.has(path))
    .map(([path]) => path)
  const folders = [...new Set([...places.values()].flatMap(({ missing }) => missing))]
  const both = folders.find((folder) => placements.has(folder))
  if (both !== undefined) throw conflict(`${both} is a file or link and a folder of the image on the node`)
  return { placements: [...placements.values()], folders, stale }
}

async function placementOf(
  store: FirmwareStore,
  path: string,
  { from, content, executable }: SourceFile,
  owner: string,
  known: OwnedFile | undefined,
): Promise<Placement> {
  const found = await lookAt(join(store.root, path))
  if (found.kind === 'folder' || found.kind === 'other')
    throw conflict(`${path} is a file or link in the image and a ${found.kind} on the node`)
  const now = found.kind === 'content' ? found.content : undefined
  const owned = ownedFrom(path, content, owner, known, now)
  const mode = executable ? modes.program : modes.file
  const isGood =
    found.kind === 'content' &&
    (found.mode === undefined || found.mode === mode || found.mode === modes.program)
  // What the distribution has put there with the same content is left as it is, its mode too.
  const there = now === content && (isGood || owned.was === now)
  return { path, from, owned, mode, there }
}

/** Each link of the image, as it will lead among all of the image's files. */
async function checkLinks(
  store: FirmwareStore,
  source: string,
  placements: ReadonlyMap<string, Placement>,
): Promise<void> {
  const planned = new Map<string, Entry>()
  for (const [path, { owned }] of placements) {
    const text = linkText(owned.content)
    planned.set(path, text === undefined ? { kind: 'file' } : { kind: 'link', text })
    for (let folder = dirname(path); folder !== '.' && !planned.has(folder); folder = dirname(folder))
      planned.set(folder, { kind: 'folder' })
  }
  for (const { path, from, owned } of placements.values()) {
    const text = linkText(owned.content)
    if (text !== undefined) await checkLink(store, planned, { path, name: relative(source, from), text })
  }
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

const conflict = (message: string): Stop => new Stop('FirmwareConflict', message)
