import { join } from 'node:path'
import { Stop } from '../finding.ts'
import { entryAt, follow, type Entry, type Root } from '../follow.ts'
import { isBelow } from './manifest.ts'
import type { FirmwareStore } from './store.ts'

/** Characters of a link that a message shows. */
const shownLength = 120

/** A folder of the image on the node: without links, and the parts of its path that the node lacks. */
export interface Place {
  readonly folder: string
  readonly missing: readonly string[]
}

/**
 * Where a folder of the image is on the node, when the links of the node's folders are followed.
 * @throws Stop with `FirmwareConflict` or `FirmwareNotCopied`
 */
export async function placeOf(store: FirmwareStore, folder: string): Promise<Place> {
  const followed = await follow(rootOf(store, new Map()), folder)
  if (!('path' in followed))
    throw notCopied(`${folder} leads out of the firmware directory through a link on the node`)
  const { kind, path, missing, dangling } = followed
  if (dangling || kind === 'file' || kind === 'other')
    throw new Stop('FirmwareConflict', `${folder} is a folder in the image and none on the node`)
  if (path !== '' && !isBelow(path))
    throw notCopied(`${folder} leads to where the loader keeps its own files, through a link on the node`)
  return { folder: path, missing }
}

/**
 * Refuses a link of the image that leads out of the firmware directory, or to the loader's own files, once it stands at
 * `path` on the node among the things in `planned`: the image's files, links and their folders. `..` is taken only at
 * the beginning of its text or after one of these folders, which stay as long as the link does: so no other link, of
 * whatever image comes later, can turn it out of the directory.
 * @throws Stop with `FirmwareNotCopied`
 */
export async function checkLink(
  store: FirmwareStore,
  planned: ReadonlyMap<string, Entry>,
  { path, name, text }: { readonly path: string; readonly name: string; readonly text: string },
): Promise<void> {
  const refuse = (why: string): Stop => notCopied(`link ${name} -> ${text.slice(0, shownLength)} ${why}`)
  const out = 'leads out of the firmware directory'
  if (text.startsWith('/')) throw refuse(out)
  const root = rootOf(store, planned)
  const folder = path.split('/').slice(0, -1)
  const here = [...folder]
  let isFolder = true
  for (const part of text.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') {
      if (!isFolder)
        throw refuse(
          'has ".." after what is no folder of the image with files in it; name its target directly',
        )
      here.pop()
      continue
    }
    here.push(part)
    isFolder &&= planned.get(here.join('/'))?.kind === 'folder'
  }
  const followed = await follow(root, [...folder, text].join('/'))
  if (followed.kind === 'leaves') throw refuse(out)
  if (followed.kind === 'endless') throw refuse('leads through too many links')
  if ('path' in followed && followed.path !== '' && !isBelow(followed.path))
    throw refuse('leads to the files that the loader keeps')
}

/** The firmware directory as it will be with `planned` in it. */
function rootOf(store: FirmwareStore, planned: ReadonlyMap<string, Entry>): Root {
  return {
    look: async (path) => planned.get(path) ?? (await entryAt(join(store.root, path))),
    enter: (absolute) => {
      for (const name of [store.root, store.hostPath])
        if (absolute === name || absolute.startsWith(`${name}/`)) return absolute.slice(name.length)
      return undefined
    },
    above: 'leaves',
  }
}

const notCopied = (message: string): Stop => new Stop('FirmwareNotCopied', message)
