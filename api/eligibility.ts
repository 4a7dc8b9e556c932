import type { Taint, Toleration } from './kubernetesTypes.ts'

/** What eligibility needs of a Node. */
export interface NodeLike {
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly taints?: readonly Taint[] | undefined
}

/** What eligibility needs of a Module. */
export interface ModuleLike {
  readonly spec: {
    readonly selector: Readonly<Record<string, string>>
    readonly tolerations?: readonly Toleration[] | undefined
  }
}

/**
 * Whether a node is a Module's target. `selector`: the label at fault, and what the node has instead. `taint`: the
 * first taint that is not tolerated. `paused`: only taints of the node's life cycle keep it out, so what is loaded
 * stays and nothing new is begun.
 */
export type NodeEligibility =
  | { readonly kind: 'target' }
  | {
      readonly kind: 'selector'
      readonly label: string
      readonly wanted: string
      readonly found: string | undefined
    }
  | { readonly kind: 'taint'; readonly taint: Taint }
  | { readonly kind: 'paused'; readonly taint: Taint }

/** Tolerations every Module has besides its own (nodes:SCH-3). */
export const builtInTolerations: readonly Toleration[] = ['disk', 'memory', 'pid'].map((resource) => ({
  key: `node.kubernetes.io/${resource}-pressure`,
  operator: 'Exists',
  effect: 'NoSchedule',
}))

const lifecycleTaintKeys = new Set([
  'node.kubernetes.io/unschedulable',
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
  'node.kubernetes.io/network-unavailable',
  'node.kubernetes.io/out-of-service',
  'node.cloudprovider.kubernetes.io/uninitialized',
  'node.cloudprovider.kubernetes.io/shutdown',
])

/** Is this a taint that Kubernetes puts on a node while it is cordoned or away? It asks nobody to unload (SCH-6 Better). */
export function isNodeLifecycleTaint(taint: Taint): boolean {
  return lifecycleTaintKeys.has(taint.key)
}

/** Kubernetes' rule for one toleration and one taint. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  const { key, operator, value, effect } = toleration
  if (effect && effect !== taint.effect) return false
  if (key && key !== taint.key) return false
  if (operator === 'Exists') return true
  return (
    (operator === undefined || operator === '' || operator === 'Equal') &&
    (value ?? '') === (taint.value ?? '')
  )
}

/** Target or not (nodes:SCH-2): the selector first, then every NoSchedule and NoExecute taint. */
export function nodeEligibility(module: ModuleLike, node: NodeLike): NodeEligibility {
  for (const [label, wanted] of Object.entries(module.spec.selector)) {
    const found = node.labels?.[label]
    if (found !== wanted) return { kind: 'selector', label, wanted, found }
  }
  const tolerations = [...(module.spec.tolerations ?? []), ...builtInTolerations]
  const obstacles = (node.taints ?? []).filter(
    (taint) =>
      (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') &&
      !tolerations.some((toleration) => tolerates(toleration, taint)),
  )
  const lasting = obstacles.find((taint) => !isNodeLifecycleTaint(taint))
  if (lasting !== undefined) return { kind: 'taint', taint: lasting }
  const [passing] = obstacles
  return passing === undefined ? { kind: 'target' } : { kind: 'paused', taint: passing }
}
