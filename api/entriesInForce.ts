import type { ClusterSnapshot } from './facts.ts'
import type { ViewSettings } from './kernelView.ts'
import type { KernelStatus, Module } from './module.ts'
import { isAtRest } from './moduleConditions.ts'
import { viewKernel } from './viewKernel.ts'

/** Neither says anything of what is wanted and what is there. */
const settings: ViewSettings = { gcDelayMs: 0, maxParallel: 1 }

/**
 * A Module with the entries of its status as far as they hold for it as it is now. Each is written by its kernel's run,
 * which may not have looked yet since the Module was changed: one at rest is on its way when another image or
 * configuration is wanted, or a node came. So a condition whose `observedGeneration` is of a change is about the change,
 * which `kubectl wait` relies on. The same Module where all of them hold.
 */
export function withEntriesInForce(cluster: ClusterSnapshot, module: Module): Module {
  const stored = module.status?.kernels ?? []
  const kernels = stored.map((entry) => (isAtRest(entry) ? inForce(cluster, module, entry) : entry))
  const holds = kernels.every((entry, index) => entry === stored[index])
  return holds ? module : { ...module, status: { ...module.status, kernels } }
}

function inForce(cluster: ClusterSnapshot, module: Module, entry: KernelStatus): KernelStatus {
  const { wish, digest, nodes } = viewKernel(cluster, module.metadata, entry.kernel, settings).view
  const { targets, loaded, failed, waiting, unreachable } = nodes.counts
  if (wish.kind !== 'wanted' || targets === 0) return entry
  if (digest !== undefined && loaded === targets) return entry
  const { digest: _digest, reason: _reason, message: _message, ...rest } = entry
  const counts = { targets, loaded, failed, waiting: waiting + unreachable }
  return digest === undefined
    ? { ...rest, phase: 'CheckingImage', image: wish.image, nodes: counts }
    : { ...rest, phase: 'Loading', digest, nodes: counts }
}
