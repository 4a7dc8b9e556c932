import { nodeEligibility } from '../../api/eligibility.ts'
import type { ClusterSnapshot } from '../../api/facts.ts'
import type { Taint } from '../../api/kubernetesTypes.ts'
import type { KernelView, ViewSettings } from '../../api/kernelView.ts'
import type { ModuleRef } from '../../api/names.ts'
import type { PlannedNode } from '../../api/planNodes.ts'
import type { ResolvedMapping } from '../../api/mapping.ts'
import { kernelsOf, viewKernel } from '../../api/viewKernel.ts'

/** Nothing is cut off for people who ask; how long pods are kept is the operator's to know. */
const settings: ViewSettings = { gcDelayMs: 0, maxParallel: Number.MAX_SAFE_INTEGER }

/** A node with its plan; `paused` by a taint of its life cycle, such as a cordon: what is loaded stays, nothing begins. */
export type SeenNode = PlannedNode & { readonly paused?: Taint }

/** One kernel of a Module as the operator sees it. */
export interface SeenKernel {
  readonly kernel: string
  readonly view: KernelView
  readonly mapping: ResolvedMapping | undefined
  readonly dockerfile: string | undefined
  readonly architecture: string | undefined
  readonly nodes: readonly SeenNode[]
}

/** Every kernel that concerns a Module, by the operator's own pure views. */
export function seeKernels(cluster: ClusterSnapshot, ref: ModuleRef): SeenKernel[] {
  return kernelsOf(cluster, ref).map((kernel) => seeKernel(cluster, ref, kernel))
}

export function seeKernel(cluster: ClusterSnapshot, ref: ModuleRef, kernel: string): SeenKernel {
  const { view, facts } = viewKernel(cluster, ref, kernel, settings)
  const { mapping, dockerfile, architecture, plans } = facts
  const nodes = [...plans.values()].flatMap((planned): SeenNode[] => {
    const eligibility = facts.module && nodeEligibility(facts.module, planned.node)
    if (eligibility?.kind === 'paused') return [{ ...planned, paused: eligibility.taint }]
    return planned.target || planned.plan.kind !== 'idle' ? [planned] : []
  })
  return { kernel, view, mapping, dockerfile, architecture, nodes }
}
