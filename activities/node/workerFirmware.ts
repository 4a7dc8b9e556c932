import { dirname } from 'node:path/posix'
import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import { moduleKey } from '../../api/names.ts'
import { workerPaths, type FirmwareOrder } from '../../api/workerCommand.ts'
import type { WorkerPodInput } from './workerPod.ts'

/** The kernel finds firmware here by itself; of any other directory it is told through a parameter in /sys. */
const searchedByKernel = '/lib/firmware'
const firmwareClass = '/sys/module/firmware_class/parameters'

/**
 * What the loader does about firmware; undefined when the Module has none and had none. An unload goes by the
 * directory of the load, whatever `worker.firmwareHostPath` is by now (nodes:5 Better).
 */
export function firmwareOrder(
  input: Pick<WorkerPodInput, 'ref' | 'action' | 'entry' | 'worker' | 'firmwareHostPath'>,
): FirmwareOrder | undefined {
  const { ref, action, entry, worker, firmwareHostPath } = input
  const configured = entry.config.modprobe.firmwarePath ? (worker.firmwareHostPath ?? undefined) : undefined
  const install = action === 'Load' ? configured : undefined
  // A record of KMM has no directory.
  const before = action === 'Load' ? firmwareHostPath : (firmwareHostPath ?? configured)
  const leave = before === install ? undefined : before
  if (install === undefined && leave === undefined) return undefined
  return {
    owner: moduleKey(ref),
    ...(install === undefined ? {} : { install }),
    ...(leave === undefined ? {} : { leave }),
  }
}

/**
 * The node's directories for it, writable under their own paths: this instead of a privileged container. /sys is
 * read-only in a container, and security profiles watch over its paths, so the parameter stands elsewhere.
 */
export function firmwareFolders({ install, leave }: FirmwareOrder): {
  readonly volumes: readonly V1Volume[]
  readonly mounts: readonly V1VolumeMount[]
} {
  const paths = [install, leave].filter((path) => path !== undefined)
  const folders = paths.map((path, index) => ({
    name: index === 0 ? 'lib-firmware' : 'lib-firmware-before',
    mountPath: path,
    hostPath: { path, type: 'DirectoryOrCreate' },
  }))
  const parameter = {
    name: 'firmware-class',
    mountPath: dirname(workerPaths.firmwareSearchPath),
    hostPath: { path: firmwareClass, type: 'Directory' },
  }
  const all = paths.every((path) => path === searchedByKernel) ? folders : [...folders, parameter]
  return {
    volumes: all.map(({ name, hostPath }) => ({ name, hostPath })),
    mounts: all.map(({ name, mountPath }) => ({ name, mountPath })),
  }
}
