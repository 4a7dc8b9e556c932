import { realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { workerPaths, type WorkerCommand } from '../../api/workerCommand.ts'
import { Stop } from '../finding.ts'
import type { Host } from '../host.ts'
import { lookAt } from './content.ts'
import { planInstall } from './plan.ts'
import { restoreSearchPath, searchPathFor, setSearchPath } from './searchPath.ts'
import type { Manifest, OwnedFile } from './manifest.ts'
import { FirmwareStore } from './store.ts'

interface Install {
  readonly owner: string
  readonly hostPath: string
}

/** @throws Stop when the Module has firmware and the operator no directory for it (nodes:WPD-8) */
function installOf({ config, firmware }: WorkerCommand): Install | undefined {
  if (config.modprobe.firmwarePath === undefined) return undefined
  if (firmware?.install !== undefined) return { owner: firmware.owner, hostPath: firmware.install }
  throw new Stop(
    'FirmwareNotCopied',
    `modprobe.firmwarePath is set, but worker.firmwareHostPath of the operator's configuration is not`,
  )
}

/**
 * Whether the image's firmware can be installed; touches nothing.
 * @throws Stop with `FirmwareConflict` or `FirmwareNotCopied`
 */
export async function checkFirmware(host: Host, command: WorkerCommand): Promise<void> {
  await withStore(host, command, async (store, { owner }) => {
    await planInstall(store, await store.read(), host.path(workerPaths.firmware), owner)
  })
}

/**
 * Makes the Module's firmware in the node's firmware directory just that of the image (nodes:6 Better): what stood
 * there is kept, files the image has no more go, and the kernel is told of the directory when it is none of its own.
 * The manifest is written before the first file, so a run that was killed is made good by the next one.
 * @returns the directory; undefined for a Module without firmware
 * @throws Stop with `FirmwareConflict` or `FirmwareNotCopied`
 */
export async function installFirmware(host: Host, command: WorkerCommand): Promise<string | undefined> {
  return await withStore(host, command, async (store, { owner, hostPath }) => {
    await host.locked(store.root, async () => {
      const before = await store.read()
      const plan = await planInstall(store, before, host.path(workerPaths.firmware), owner)
      for (const { path, owned } of plan.placements) {
        if (owned.was?.startsWith('sha256:') === true && owned.was !== owned.content)
          await store.keep(path, owned.was)
      }
      const searchPath = await searchPathFor(host, hostPath, before.searchPath)
      const intended: Manifest = {
        version: 1,
        files: {
          ...before.files,
          ...Object.fromEntries(plan.placements.map(({ path, owned }) => [path, owned])),
        },
        folders: [...new Set([...before.folders, ...plan.folders])],
        ...(searchPath === undefined ? {} : { searchPath }),
      }
      if (Object.keys(intended.files).length === 0) return
      await store.write(intended)
      for (const folder of plan.folders) await store.makeFolder(folder)
      for (const { path, from, owned, mode, there } of plan.placements)
        if (!there) await store.put(path, owned.content, from, mode)
      await setSearchPath(host, searchPath)
      await release(host, store, intended, owner, plan.stale)
    })
  })
}

/**
 * Takes a Module's firmware out of a directory of the node: what stood there before comes back. A file that somebody
 * changed since is left alone.
 * @returns the files left alone
 */
export async function leaveFirmware(host: Host, owner: string, hostPath: string): Promise<readonly string[]> {
  const store = new FirmwareStore(await realpath(host.path(hostPath)), hostPath)
  return await host.locked(store.root, async () => {
    const manifest = await store.read()
    const mine = Object.entries(manifest.files).filter(([, file]) => file.owners.includes(owner))
    return await release(
      host,
      store,
      manifest,
      owner,
      mine.map(([path]) => path),
    )
  })
}

/** Files come before the manifest: a run that was killed in between finds them released and goes on. */
async function release(
  host: Host,
  store: FirmwareStore,
  manifest: Manifest,
  owner: string,
  paths: readonly string[],
): Promise<readonly string[]> {
  const files = new Map(Object.entries(manifest.files).map(([path, file]) => [path, placed(file)] as const))
  const changed: string[] = []
  for (const path of paths) {
    const file = manifest.files[path]
    if (file === undefined) continue
    const others = file.owners.filter((other) => other !== owner)
    if (others.length > 0) {
      files.set(path, { ...placed(file), owners: others })
      continue
    }
    if (!(await restore(store, path, file))) changed.push(path)
    files.delete(path)
  }
  const owned = [...files.keys()]
  const unused = manifest.folders.filter((folder) => !owned.some((path) => path.startsWith(`${folder}/`)))
  for (const folder of unused.toSorted().toReversed()) await store.removeFolder(folder)
  if (owned.length === 0) await restoreSearchPath(host, manifest.searchPath)
  const folders = manifest.folders.filter((folder) => !unused.includes(folder))
  const left = { ...manifest, files: Object.fromEntries(files), folders }
  await store.write(left)
  await store.prune(left)
  return changed
}

/** A file whose install has come to its end. */
function placed({ content, owners, was }: OwnedFile): OwnedFile {
  return { content, owners, ...(was === undefined ? {} : { was }) }
}

/** @returns false when the file is neither ours nor what was there before: then it is left alone */
async function restore(store: FirmwareStore, path: string, file: OwnedFile): Promise<boolean> {
  const { content, was, replaces } = file
  if (!(await store.isPlain(path))) return false
  const found = await lookAt(join(store.root, path))
  const now = found.kind === 'content' ? found.content : undefined
  if (now === was) return found.kind === 'content' || found.kind === 'nothing'
  if (now !== content && now !== replaces) return false
  if (was === undefined) await rm(join(store.root, path))
  else await store.restore(path, was)
  return true
}

/** Opens the directory that gets the image's firmware; does nothing for a Module without any. */
async function withStore(
  host: Host,
  command: WorkerCommand,
  work: (store: FirmwareStore, install: Install) => Promise<void>,
): Promise<string | undefined> {
  const install = installOf(command)
  if (install === undefined) return undefined
  try {
    await work(new FirmwareStore(await realpath(host.path(install.hostPath)), install.hostPath), install)
    return install.hostPath
  } catch (error) {
    if (error instanceof Stop) throw error
    const { firmwarePath = '' } = command.config.modprobe
    throw new Stop(
      'FirmwareNotCopied',
      `firmware of ${firmwarePath} cannot be copied to ${install.hostPath}: ${(error as Error).message}`,
    )
  }
}
