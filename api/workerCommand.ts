import { defaultDirName } from './loadCommand.ts'

/** Where the worker pod's layout puts things; `loader/README.md` shows the whole pod. */
export const workerPaths = {
  /** The command, from the pod's annotation through the downward API. */
  command: '/etc/kmm-worker/config.json',
  /** Where an init container copies the image's module tree to. */
  modules: '/kmm/modules',
  /** Where an init container copies the image's `firmwarePath` to, and where the loader reads it. */
  firmware: '/kmm/firmware',
  /** The kernel's parameter for one more firmware directory: /sys is read-only in a container, so it is mounted here. */
  firmwareSearchPath: '/kmm/firmware-class/path',
} as const

/**
 * The argv that copies the contents of folder `from` of a kmod image into the existing folder `to`, with the image's
 * own `cp` and no shell (nodes:IMG-2). `/.` copies contents, so a second run never nests and `from` itself may be a
 * link; `-R` keeps links inside as links; `-f` lets busybox replace links on a second run.
 */
export const extractCommand = (from: string, to: string): [string, ...string[]] => [
  'cp',
  '-Rf',
  `${from}/.`,
  to,
]

/** Where a tree stands below the `dirName` of a Module, in its kmod image and again in the worker container. */
export const moduleTree = (dirName: string, kernel: string): string =>
  `${withoutEndSlashes(dirName)}/lib/modules/${kernel}`

/** An expression for the end tries each slash as a beginning. */
function withoutEndSlashes(path: string): string {
  let end = path.length
  while (path[end - 1] === '/') end--
  return path.slice(0, end)
}

/** Arguments of modprobe by action. */
export interface ActionArguments {
  readonly load?: readonly string[]
  readonly unload?: readonly string[]
}

/**
 * The `modprobe` section of a Module (nodes:2): what the loader must know of it. An empty `dirName` is the root, an
 * empty `firmwarePath` none.
 */
export interface WorkerModprobe {
  readonly moduleName?: string
  readonly parameters?: readonly string[]
  readonly dirName: string
  readonly args?: ActionArguments
  readonly rawArgs?: ActionArguments
  readonly firmwarePath?: string
  readonly modulesLoadingOrder?: readonly string[]
}

/**
 * Whose firmware it is, and in which directories of the node; each is mounted under its own path. A load leaves the
 * directory of an earlier load when that is another one (`worker.firmwareHostPath` was changed in between).
 */
export interface FirmwareOrder {
  /** The Module, as namespace/name. */
  readonly owner: string
  /** The directory that gets the image's firmware. */
  readonly install?: string
  /** A directory from which the Module's firmware goes. */
  readonly leave?: string
}

/**
 * What the loader does in its one run, for one boot of one node: on another boot or kernel the command is obsolete.
 * `config` is the entry's config of the NodeModulesConfig, other fields of it are ignored.
 */
export interface WorkerCommand {
  readonly action: 'Load' | 'Unload'
  readonly bootId: string
  readonly kernel: string
  readonly config: {
    readonly kernelVersion: string
    readonly containerImage: string
    readonly inTreeModulesToRemove?: readonly string[]
    readonly modprobe: WorkerModprobe
  }
  readonly firmware?: FirmwareOrder
}

/**
 * Reads a command from its JSON text. Without zod, whose import alone takes seconds on an emulated node, for every
 * module loaded there. Throws an error that names the field.
 */
export function parseWorkerCommand(text: string): WorkerCommand {
  const command = section(JSON.parse(text), '')
  const config = section(command.values['config'], 'config')
  const modprobe = section(config.values['modprobe'], 'config.modprobe')
  return {
    action: required(command, 'action', action),
    bootId: required(command, 'bootId', string),
    kernel: required(command, 'kernel', kernelRelease),
    config: {
      kernelVersion: required(config, 'kernelVersion', string),
      containerImage: required(config, 'containerImage', string),
      ...optional(config, 'inTreeModulesToRemove', strings),
      modprobe: {
        dirName: defaultDirName,
        ...optional(modprobe, 'dirName', pathOrRoot),
        ...optional(modprobe, 'moduleName', string),
        ...optional(modprobe, 'parameters', strings),
        ...optional(modprobe, 'args', actionArguments),
        ...optional(modprobe, 'rawArgs', actionArguments),
        ...(modprobe.values['firmwarePath'] === '' ? {} : optional(modprobe, 'firmwarePath', folder)),
        ...optional(modprobe, 'modulesLoadingOrder', strings),
      },
    },
    ...optional(command, 'firmware', firmwareOrder),
  }
}

/** An object of the command; `path` is where it stands, for messages. */
interface Section {
  readonly path: string
  readonly values: Readonly<Record<string, unknown>>
}
/** Reads the value at `path`, or throws. */
type Reader<T> = (value: unknown, path: string) => T

const pathOf = ({ path }: Section, name: string): string => (path === '' ? name : `${path}.${name}`)

const section = (value: unknown, path: string): Section => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return { path, values: value as Section['values'] }
  }
  throw new Error(`${path === '' ? 'the command' : path}: must be an object`)
}

const required = <T>(from: Section, name: string, read: Reader<T>): T =>
  read(from.values[name], pathOf(from, name))

const optional = <K extends string, T>(
  from: Section,
  name: K,
  read: Reader<T>,
): { readonly [P in K]?: T } => {
  const found: { [P in K]?: T } = {}
  if (from.values[name] !== undefined) found[name] = required(from, name, read)
  return found
}

const check =
  (allowed: (text: string) => boolean, rule: string): Reader<string> =>
  (value, path) => {
    if (typeof value === 'string' && allowed(value)) return value
    throw new Error(`${path}: must be ${rule}`)
  }

const isPath = (text: string): boolean => /^\/[^\0]*$/.test(text) && !text.split('/').includes('..')
const string = check(() => true, 'a string')
/** Not the root: nobody means a whole image, or a whole node. */
const folder = check(
  (text) => isPath(text) && /[^/]/.test(text),
  'an absolute path without "..", and not the root',
)
const pathOrRoot = check((text) => text === '' || isPath(text), 'an absolute path without ".."')
/** It becomes part of a path, so it is one segment. */
const kernelRelease = check(
  (text) => /^[^/\0]+$/.test(text) && text !== '.' && text !== '..',
  'a kernel release',
)

const action: Reader<WorkerCommand['action']> = (value, path) => {
  if (value === 'Load' || value === 'Unload') return value
  throw new Error(`${path}: must be Load or Unload`)
}

const strings: Reader<readonly string[]> = (value, path) => {
  if (Array.isArray(value)) return value.map((item, index) => string(item, `${path}[${index}]`))
  throw new Error(`${path}: must be a list of strings`)
}

const firmwareOrder: Reader<FirmwareOrder> = (value, path) => {
  const order = section(value, path)
  return {
    owner: required(order, 'owner', string),
    ...optional(order, 'install', folder),
    ...optional(order, 'leave', folder),
  }
}

const actionArguments: Reader<ActionArguments> = (value, path) => {
  const lists = section(value, path)
  return { ...optional(lists, 'load', strings), ...optional(lists, 'unload', strings) }
}
