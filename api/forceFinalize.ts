import type { StoredModule } from './readModule.ts'
import { annotations } from './names.ts'

/**
 * Why a person gives up what cannot be unloaded (design, "Deletion"): annotation force-finalize of a Module that is
 * being deleted; undefined when nobody does. An empty reason is none.
 */
export function forceReason(module: StoredModule | undefined): string | undefined {
  if (module?.metadata.deletionTimestamp === undefined) return undefined
  return module.metadata.annotations?.[annotations.forceFinalize] || undefined
}
