import { constants, open } from 'node:fs/promises'
import { basename } from 'node:path'
import { workerPaths, type WorkerCommand } from '../api/workerCommand.ts'
import { Stop } from './finding.ts'
import { entryAt, follow, type Root } from './follow.ts'
import { unlessAbsent, type Host } from './host.ts'
import { treeOf } from './kernelModules.ts'
import { walk } from './walk.ts'

/**
 * The files of a module tree that modprobe takes for a part of its configuration, whatever `-C` names (the second since
 * kmod 33). In a configuration, `install` and `remove` are commands that a shell runs as root.
 */
const configurationNames: readonly string[] = ['modules.softdep', 'modules.weakdep']
/** What depmod writes into them. */
const dependencyWords: readonly string[] = ['softdep', 'weakdep']
/** What the operator orders by `modulesLoadingOrder`, from an annotation of the pod. */
const orderFile = '/etc/modprobe.d/softdep.conf'
/** The node's own modules: mounted read-only, written by the node's packages. */
const nodeFolders = ['/lib/modules', '/host/lib/modules']

const byteLimit = 1024 * 1024
const fileLimit = 100
const limits = { entries: 50_000, depth: 64 }
/** Characters of the image's text that a message shows. */
const shownLength = 120

/**
 * Refuses an image that would have modprobe do anything but load modules: its `modules.softdep` and `modules.weakdep`
 * may hold dependencies and comments and nothing else. They are looked for in every folder of the image, because `-d`
 * in a Module's raw arguments may name any. A link to the node's own file is the node's matter.
 * @throws Stop with `ModprobeConfigRefused`
 */
export async function checkModprobeConfig(host: Host, command: WorkerCommand): Promise<void> {
  const folders = [treeOf(command), workerPaths.firmware]
  for (const folder of folders) {
    if ((await entryAt(host.path(folder))).kind === 'nothing') continue
    for (const path of await configurationIn(host, folder)) {
      const file = `${folder}/${path}`
      const content = await contentOf(host, file, folders)
      if (content !== undefined) checkLines(file, content)
    }
  }
  const order = await readRegular(host, await pathBehind(host, orderFile))
  if (order !== undefined) checkLines(orderFile, order)
}

async function configurationIn(host: Host, folder: string): Promise<readonly string[]> {
  const found: string[] = []
  try {
    for await (const { path } of walk(host.path(folder), limits))
      if (configurationNames.includes(basename(path))) found.push(path)
    if (found.length > fileLimit)
      throw new Error(`it has more than ${fileLimit} files ${configurationNames.join(' and ')}`)
  } catch (error) {
    throw refused(`${folder} of the image cannot be checked: ${(error as Error).message}`)
  }
  return found
}

/** What modprobe would read at `file` of the image; undefined: nothing, or what is the node's. */
async function contentOf(host: Host, file: string, folders: readonly string[]): Promise<Buffer | undefined> {
  const behind = await pathBehind(host, file)
  const isInOneOf = async (places: readonly string[]): Promise<boolean> => {
    for (const place of places) if (behind.startsWith(`${await pathBehind(host, place)}/`)) return true
    return false
  }
  // The tree stands below /tmp once more. It may also stand below the node's folder, so it is asked first.
  if (await isInOneOf([...folders, ...folders.map((folder) => `/tmp${folder}`)]))
    return await readRegular(host, behind)
  if (await isInOneOf(nodeFolders)) return undefined
  throw refused(
    `${file} is a link to ${shown(behind)}, which is neither in the image's folders nor among the node's modules; put the file itself there, as depmod writes it`,
  )
}

/** Where a path of this machine ends when its links are followed, whether anything is there or not. */
async function pathBehind(host: Host, path: string): Promise<string> {
  const machine: Root = {
    look: (below) => entryAt(host.path(`/${below}`)),
    enter: (absolute) => absolute,
    above: 'stays',
  }
  const followed = await follow(machine, path)
  if ('path' in followed) return `/${followed.path}`
  throw refused(`${path} is a link through too many others; put the file itself there`)
}

/** @returns undefined when nothing is there */
async function readRegular(host: Host, path: string): Promise<Buffer | undefined> {
  // A pipe that nobody writes to would keep the open waiting.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(host.path(path), flags).catch(unlessAbsent)
  if (file === undefined) return undefined
  try {
    const facts = await file.stat()
    if (!facts.isFile()) throw refused(`${path} is not a file; write it with depmod`)
    if (facts.size > byteLimit)
      throw refused(`${path} has ${facts.size} bytes, of at most ${byteLimit}; write it with depmod`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

/** Reads a file as modprobe does: a line whose last character is a backslash goes on in the next. */
function checkLines(file: string, content: Buffer): void {
  content
    .toString('latin1')
    .split('\n')
    .forEach((line, index) => {
      if (isHarmless(line)) return
      throw refused(
        `${file}, line ${index + 1}: ${JSON.stringify(shown(line))} is not a dependency, and modprobe would obey it; ` +
          'leave in it only what depmod writes: softdep and weakdep lines, and comments',
      )
    })
}

function isHarmless(line: string): boolean {
  if (line.includes('\0') || line.endsWith('\\')) return false
  if (line.startsWith('#')) return true
  const text = line.endsWith('\r') ? line.slice(0, -1) : line
  const [keyword, name] = text.split(/[ \t]/).filter((word) => word !== '')
  if (keyword === undefined) return true
  return dependencyWords.includes(keyword) && name !== undefined && !line.includes('\\')
}

const shown = (text: string): string =>
  text.length > shownLength ? `${text.slice(0, shownLength)}...` : text

const refused = (message: string): Stop => new Stop('ModprobeConfigRefused', message)
