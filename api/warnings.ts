import { buildNodeCondition, buildNodeDiffers } from './buildOrigin.ts'
import type { ClusterSnapshot, NodeFacts } from './facts.ts'
import { imageOutdated, imageOutdatedCondition } from './imageOutdated.ts'
import type { Condition, Module } from './module.ts'
import { nodeInvalid, nodeInvalidCondition } from './nodeInvalid.ts'
import { tagMoved, tagMovedCondition } from './tagMoved.ts'

/** Types of conditions that warn and hold nothing back; each is there only while it has something to say. */
export const warningTypes: readonly string[] = [buildNodeDiffers, imageOutdated, tagMoved, nodeInvalid]

/** The warnings about a Module, without their times; `targets` are the nodes that shall have it. */
export function warningsOf(
  cluster: ClusterSnapshot,
  module: Module,
  targets: readonly NodeFacts[],
): Pick<Condition, 'type' | 'status' | 'reason' | 'message'>[] {
  const all = [
    buildNodeCondition(module.status?.kernels ?? [], targets),
    imageOutdatedCondition(cluster, module),
    tagMovedCondition(cluster, module),
    nodeInvalidCondition(targets),
  ]
  return all.flatMap((warning) => warning ?? [])
}
