import { access, readFile } from 'node:fs/promises'
import type { WorkerCommand } from '../api/workerCommand.ts'
import { Stop } from './finding.ts'
import type { Host } from './host.ts'
import { moduleFile, treeOf, wantedModules } from './kernelModules.ts'

/** The boot id of the running kernel, the same the kubelet reports as `status.nodeInfo.bootID`. */
export const bootIdOf = async (host: Host): Promise<string> =>
  (await readFile(host.path('/proc/sys/kernel/random/boot_id'), 'utf8')).trim()

/**
 * Refuses a command made for another boot or kernel of the node: what it says is not true any more.
 * @throws Stop with `Obsolete`
 */
export function checkNode(command: WorkerCommand, bootId: string, kernel: string): void {
  if (bootId !== command.bootId) {
    throw new Stop(
      'Obsolete',
      `the node was rebooted: boot id is ${bootId}, the command is for ${command.bootId}`,
    )
  }
  if (kernel !== command.kernel) {
    throw new Stop('Obsolete', `the node runs kernel ${kernel}, the command is for ${command.kernel}`)
  }
}

/**
 * Looks at the tree taken from the image before the kernel is touched (nodes:1 Better): the folder of this kernel,
 * and the index without which modprobe finds nothing by name. With `rawArgs` the index may be anywhere.
 * @throws Stop with `NoModulesForKernel` or `DepmodMissing`
 */
export async function checkTree(host: Host, command: WorkerCommand): Promise<void> {
  const { config, kernel } = command
  const tree = treeOf(command)
  if (!(await exists(host.path(tree)))) {
    throw new Stop(
      'NoModulesForKernel',
      `image ${config.containerImage} has no directory ${tree}; build it for kernel ${kernel}, or set modprobe.dirName to where its lib/modules is`,
    )
  }
  if (config.modprobe.rawArgs !== undefined) return
  // modprobe reads the binary index only; an image may hold the text and not this.
  if (!(await exists(host.path(`${tree}/modules.dep.bin`)))) {
    throw new Stop(
      'DepmodMissing',
      `${tree} has no modules.dep.bin; end the Dockerfile with: RUN depmod -b ${config.modprobe.dirName} ${kernel}`,
    )
  }
}

/**
 * Compares the release in `vermagic` of the wanted modules with the running kernel. A module with symbol versions
 * (`modversions`) may come from another release: the kernel skips the release then and compares the symbols, and so
 * does this check. A module modinfo does not find is left to modprobe.
 * @throws Stop with `VermagicMismatch`
 */
export async function checkVermagic(host: Host, command: WorkerCommand): Promise<void> {
  if (command.config.modprobe.rawArgs !== undefined) return
  for (const name of wantedModules(command)) {
    const vermagic = (await moduleFile(host, command, name))?.vermagic?.trim()
    if (vermagic === undefined) continue
    const [release, ...flags] = vermagic.split(/\s+/)
    if (release === command.kernel || flags.includes('modversions')) continue
    throw new Stop(
      'VermagicMismatch',
      `module ${name} of image ${command.config.containerImage} was built for kernel ${String(release)}, the node runs ${command.kernel}`,
    )
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
