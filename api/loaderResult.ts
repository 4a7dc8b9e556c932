import { z } from 'zod'

/** Why a loader ended without success; `Obsolete` means the node is not (any more) what the command was made for. */
export const loaderReasons = [
  'Obsolete',
  'NoModulesForKernel',
  'DepmodMissing',
  'ModprobeConfigRefused',
  'VermagicMismatch',
  'InUse',
  'KeyRejected',
  'UnknownSymbol',
  'ModuleNotFound',
  'InvalidParameters',
  'PermissionDenied',
  'InTreeModuleNotRemoved',
  'FirmwareConflict',
  'FirmwareNotCopied',
  'ModprobeFailed',
] as const
export type LoaderReason = (typeof loaderReasons)[number]

/** A termination message is no longer, in bytes. */
const messageLimit = 4096
const text = z.string().max(messageLimit)

/**
 * What the loader reports of its one run, as one line of JSON in the pod's termination message (at most 4 KiB).
 * `command` is the argv that was run; `output` the last lines of modprobe; `lsmod` the line of /proc/modules of the
 * module after a load and `srcversion` what tells its source from another's; `firmwareHostPath` is the directory of the
 * node that now has firmware of the Module. `simulated` is set by the lab's simulated nodes, where nothing was run.
 */
export const loaderResultSchema = z.object({
  action: z.enum(['Load', 'Unload']),
  bootId: text,
  kernel: text,
  command: z.array(text).max(messageLimit),
  exitStatus: z.int().min(-1).max(255),
  output: text,
  lsmod: text.optional(),
  srcversion: text.optional(),
  firmwareHostPath: text.optional(),
  reason: z.enum(loaderReasons).optional(),
  message: text.optional(),
  simulated: z.boolean().optional(),
})
export type LoaderResult = z.infer<typeof loaderResultSchema>
