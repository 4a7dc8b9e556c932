import { z } from 'zod'

/** Where the worker pod's layout puts things; `loader/README.md` shows the whole pod. */
export const workerPaths = {
  /** The command, from the pod's annotation through the downward API. */
  command: '/etc/kmm-worker/config.json',
  /** Where an init container copies the image's module tree to. */
  modules: '/kmm/modules',
  /** Where an init container copies the image's `firmwarePath` to, and where the loader reads it. */
  firmware: '/kmm/firmware',
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
  `${dirName.replace(/\/+$/, '')}/lib/modules/${kernel}`

const absolutePath = z
  .string()
  .max(4096)
  .regex(/^\/[^\0]*$/, 'must be an absolute path')
  .refine((path) => !path.split('/').includes('..'), 'must not contain ".."')

/** A kernel release becomes part of a path, so it is one path segment. */
const kernelRelease = z
  .string()
  .regex(/^[^/\0]+$/, 'must be a kernel release')
  .refine((release) => release !== '.' && release !== '..', 'must be a kernel release')

const argumentsByAction = z.object({
  load: z.array(z.string()).optional(),
  unload: z.array(z.string()).optional(),
})

/** The `modprobe` section of a Module (nodes:2): what the loader must know of it. */
export const workerModprobeSchema = z.object({
  moduleName: z.string().optional(),
  parameters: z.array(z.string()).optional(),
  /** Empty means the root. */
  dirName: absolutePath.or(z.literal('')).default('/opt'),
  args: argumentsByAction.optional(),
  rawArgs: argumentsByAction.optional(),
  firmwarePath: absolutePath.optional(),
  modulesLoadingOrder: z.array(z.string()).optional(),
})

/**
 * What the loader does in its one run, for one boot of one node: on another boot or kernel the command is obsolete.
 * `config` is the entry's config of the NodeModulesConfig, other fields of it are ignored. `firmwareHostPath` is the
 * node's firmware directory, mounted under the same path; it is needed when `firmwarePath` is set.
 */
export const workerCommandSchema = z.object({
  action: z.enum(['Load', 'Unload']),
  bootId: z.string().min(1),
  kernel: kernelRelease,
  config: z.object({
    kernelVersion: z.string(),
    containerImage: z.string(),
    inTreeModulesToRemove: z.array(z.string()).optional(),
    modprobe: workerModprobeSchema,
  }),
  firmwareHostPath: absolutePath.optional(),
})
export type WorkerCommand = z.infer<typeof workerCommandSchema>
export type WorkerModprobe = z.infer<typeof workerModprobeSchema>
