import type { WorkerCommand } from '../api/workerCommand.ts'
import type { Host } from './host.ts'
import { isOurs, kernelName, loadedModules, moduleFile } from './kernelModules.ts'

/**
 * Which of `inTreeModulesToRemove` must go before the load (nodes:6 Better): only what is in the running kernel, and
 * never the image's own module of the same name, so that a repeated load does not unload the good one. When nothing
 * tells the two apart, an out-of-tree module of that name is taken for ours.
 */
export async function inTreeToRemove(host: Host, command: WorkerCommand): Promise<readonly string[]> {
  const wanted = command.config.inTreeModulesToRemove ?? []
  if (wanted.length === 0) return []
  const modules = await loadedModules(host)
  const remove: string[] = []
  for (const name of new Set(wanted.map(kernelName))) {
    const loaded = modules.get(name)
    if (loaded === undefined) continue
    const file = await moduleFile(host, command, name)
    if (file !== undefined && (await isOurs(host, loaded, file)) !== false) continue
    remove.push(name)
  }
  return remove
}
