import { readFile, readdir, realpath } from 'node:fs/promises'
import { moduleTree, type WorkerCommand } from '../api/workerCommand.ts'
import { unlessAbsent, type Host } from './host.ts'

/** One line of /proc/modules. `outOfTree` is the kernel's taint letter O on it. */
export interface LoadedModule {
  readonly name: string
  readonly line: string
  readonly refcnt: number
  readonly outOfTree: boolean
}

/**
 * What modinfo says of a module file. `own`: the file is the image's, not the node's behind a link. `inTree`: it was
 * built as part of a kernel, so the kernel does not mark it when it is loaded.
 */
export interface ModuleFile {
  readonly own: boolean
  readonly inTree: boolean
  readonly srcversion?: string
  readonly vermagic?: string
}

/** The kernel writes `_` in module names where files and commands may have `-`. */
export const kernelName = (name: string): string => name.replaceAll('-', '_')

/** The modules in the running kernel, by the kernel's name for them; none in a kernel that cannot load any. */
export async function loadedModules(host: Host): Promise<ReadonlyMap<string, LoadedModule>> {
  const text = (await readFile(host.path('/proc/modules'), 'utf8').catch(unlessAbsent)) ?? ''
  const modules = new Map<string, LoadedModule>()
  for (const line of text.split('\n')) {
    const [name, , refcnt] = line.split(' ')
    if (name === undefined || name === '') continue
    const outOfTree = /\([A-Z]*O[A-Z]*\)$/.test(line)
    modules.set(name, { name, line, refcnt: Number(refcnt), outOfTree })
  }
  return modules
}

/** Who keeps a loaded module from being removed: its reference count and the modules that use it. */
export async function holdersOf(
  host: Host,
  name: string,
): Promise<{ refcnt: string; holders: readonly string[] }> {
  const folder = `/sys/module/${kernelName(name)}`
  const refcnt = await readFile(host.path(`${folder}/refcnt`), 'utf8').catch(() => 'unknown')
  const holders = await readdir(host.path(`${folder}/holders`)).catch((): string[] => [])
  return { refcnt: refcnt.trim(), holders: holders.toSorted() }
}

/** `srcversion` of a module in the running kernel; not every module has one. */
export async function loadedSrcversion(host: Host, name: string): Promise<string | undefined> {
  const text = await readFile(host.path(`/sys/module/${kernelName(name)}/srcversion`), 'utf8').catch(() => '')
  return text.trim() === '' ? undefined : text.trim()
}

/** The modules a command is about: `moduleName` and those of the loading order; none when only rawArgs are given. */
export const wantedModules = (command: WorkerCommand): readonly string[] => {
  const { moduleName = '', modulesLoadingOrder = [] } = command.config.modprobe
  return [...new Set([moduleName, ...modulesLoadingOrder])].filter((name) => name !== '')
}

/** The module tree of the image as the worker container sees it. */
export const treeOf = (command: WorkerCommand): string =>
  moduleTree(command.config.modprobe.dirName, command.kernel)

/** What the image's index knows under a module's name or alias; undefined when it has none of that name. */
export async function moduleFile(
  host: Host,
  command: WorkerCommand,
  name: string,
): Promise<ModuleFile | undefined> {
  const { dirName } = command.config.modprobe
  const { status, stdout } = await host.run([
    'modinfo',
    '-0',
    '-b',
    dirName || '/',
    '-k',
    command.kernel,
    name,
  ])
  if (status !== 0) return undefined
  const fields = new Map<string, string>()
  // `-0` prints "filename:   /a/b.ko", then "key=value", each ended by NUL; of several modules the first counts.
  for (const entry of stdout.split('\0')) {
    const [, key, value] = /^([a-z_]+)(?:=|:\s+)(.*)$/s.exec(entry) ?? []
    if (key !== undefined && value !== undefined && !fields.has(key)) fields.set(key, value)
  }
  const filename = fields.get('filename')
  if (filename === undefined) return undefined
  const srcversion = fields.get('srcversion')
  const vermagic = fields.get('vermagic')
  return {
    own: await isInside(host, treeOf(command), filename),
    inTree: fields.get('intree') === 'Y',
    ...(srcversion === undefined ? {} : { srcversion }),
    ...(vermagic === undefined ? {} : { vermagic }),
  }
}

/** An image's tree may hold a link to the node's own modules (kmod_image.md), which depmod indexes as well. */
async function isInside(host: Host, folder: string, file: string): Promise<boolean> {
  try {
    const [real, tree] = await Promise.all([realpath(host.path(file)), realpath(host.path(folder))])
    return real.startsWith(`${tree}/`)
  } catch {
    return false
  }
}

/** Whether the module in the kernel is the one of this image; `undefined` when nothing tells. */
export async function isOurs(
  host: Host,
  loaded: LoadedModule,
  file: ModuleFile,
): Promise<boolean | undefined> {
  if (!file.own) return false
  const srcversion = await loadedSrcversion(host, loaded.name)
  if (srcversion !== undefined && file.srcversion !== undefined) return srcversion === file.srcversion
  return loaded.outOfTree ? undefined : false
}

/**
 * Whether the module in the kernel is the distribution's while the image has one of its own: so it is after a reboot
 * in which the distribution's was loaded first.
 */
export const isDistributions = (loaded: LoadedModule, file: ModuleFile): boolean =>
  file.own && !file.inTree && !loaded.outOfTree
