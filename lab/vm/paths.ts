import { join, relative } from 'node:path'
import type { VmPorts } from './qemu.ts'

/** Files of a virtual machine in its folder `dir`; those of logs are elsewhere. */
export interface VmPaths {
  /** Links to the kernel and initrd QEMU boots. */
  readonly kernel: string
  readonly initrd: string
  /** The configuration drive, and the folder it is packed from. */
  readonly configuration: string
  readonly configurationFiles: string
  /** What run.sh shall do; see there. */
  readonly power: string
  /** What other processes must know to use the machine. */
  readonly description: string
}

/** The files of the virtual machine in `dir`. */
export const vmPaths = (dir: string): VmPaths => ({
  kernel: join(dir, 'kernel'),
  initrd: join(dir, 'initrd'),
  configuration: join(dir, 'configuration.tar'),
  configurationFiles: join(dir, 'configuration'),
  power: join(dir, 'power'),
  description: join(dir, 'vm.json'),
})

/** The machine's sockets in `dir`, by names this process can use, and its programs' logs in `logs`. */
export const vmPorts = (dir: string, logs: string, name: string): VmPorts => ({
  commands: socketPath(dir, 'commands.sock'),
  shell: socketPath(dir, 'shell.sock'),
  control: socketPath(dir, 'control.sock'),
  logs: {
    containerd: join(logs, `${name}-containerd.log`),
    kubelet: join(logs, `${name}-kubelet.log`),
  },
})

/** A socket's path has room for 107 bytes. */
const socketPathLimit = 107

/**
 * Path of a socket in `dir`: absolute, or relative to the working directory (which child processes share) when that
 * is shorter. Throws when both are too long for a socket.
 */
export function socketPath(dir: string, name: string): string {
  const absolute = join(dir, name)
  const here = relative(process.cwd(), absolute)
  const path = here.length < absolute.length ? here : absolute
  if (Buffer.byteLength(path) <= socketPathLimit) return path
  throw new Error(
    `${absolute} is too long for a socket (${socketPathLimit} bytes): use a folder with a shorter path`,
  )
}
