import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { workerPaths, type WorkerCommand } from '../api/workerCommand.ts'
import { Stop } from './finding.ts'
import type { Host } from './host.ts'

const searchPathParameter = '/sys/module/firmware_class/parameters/path'
/** The kernel looks here by itself, so nothing has to be set. */
const builtInPath = '/lib/firmware'

/**
 * Copies the image's firmware into the node's firmware directory and tells the kernel of that directory if it is not
 * one of its own (nodes:WRK-3, WRK-5). Files are put in place whole, by rename. Does nothing without `firmwarePath`.
 * @throws Stop with `FirmwareNotCopied`
 */
export async function copyFirmware(host: Host, command: WorkerCommand): Promise<void> {
  const { firmwarePath } = command.config.modprobe
  if (firmwarePath === undefined) return
  const target = command.firmwareHostPath
  if (target === undefined) {
    throw notCopied(`modprobe.firmwarePath is set, but the operator's worker.firmwareHostPath is not`)
  }
  try {
    await setSearchPath(host, target)
    await copyTree(host.path(workerPaths.firmware), host.path(target))
  } catch (error) {
    if (error instanceof Stop) throw error
    throw notCopied(`firmware of ${firmwarePath} cannot be copied to ${target}: ${(error as Error).message}`)
  }
}

async function setSearchPath(host: Host, target: string): Promise<void> {
  if (target === builtInPath) return
  const file = host.path(searchPathParameter)
  // The kernel's answer ends in a newline.
  if ((await readFile(file, 'utf8')).trim() !== target) await writeFile(file, target)
}

/** Copies folders, files and links; a link or folder that leads out of its tree is refused. */
async function copyTree(source: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true })
  const root = await realpath(target)
  const entries = await readdir(source, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    const from = join(entry.parentPath, entry.name)
    const name = relative(source, from)
    const to = join(root, name)
    // A link on the node may lead anywhere, so the folder that is written to is looked up first.
    await mkdir(dirname(to), { recursive: true })
    if (!isWithin(root, await realpath(dirname(to)))) {
      throw notCopied(`${dirname(name)} leads out of the firmware directory through a link on the node`)
    }
    if (entry.isDirectory()) await mkdir(to, { recursive: true })
    else if (entry.isFile()) await replace(to, (scratch) => copyFile(from, scratch))
    else if (entry.isSymbolicLink()) await replace(to, await linkOf(source, from, name))
    else throw notCopied(`${name} is neither a file, a folder nor a link`)
  }
}

async function linkOf(
  source: string,
  from: string,
  name: string,
): Promise<(scratch: string) => Promise<void>> {
  const text = await readlink(from)
  if (text.startsWith('/') || !isWithin(source, resolve(dirname(from), text))) {
    throw notCopied(`link ${name} -> ${text} leads out of the image's firmware tree`)
  }
  return (scratch) => symlink(text, scratch)
}

/** The kernel may read a file at any moment, so it is never there half written. */
async function replace(to: string, write: (scratch: string) => Promise<void>): Promise<void> {
  const scratch = `${to}.kmm-new`
  await rm(scratch, { force: true })
  await write(scratch)
  await rename(scratch, to)
}

const isWithin = (root: string, path: string): boolean => path === root || path.startsWith(`${root}/`)
const notCopied = (message: string): Stop => new Stop('FirmwareNotCopied', message)
