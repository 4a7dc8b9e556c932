import type { V1NodeSelectorTerm, V1Pod, V1Toleration } from '@kubernetes/client-node'
import { distributionOf } from '../../api/buildOrigin.ts'
import { tolerates } from '../../api/eligibility.ts'
import type { NodeFacts } from '../../api/facts.ts'
import type { ResolvedMapping } from '../../api/mapping.ts'

/** A node that runs the kernel of a build, and whether the Module shall be loaded on it. */
export interface KernelNode {
  readonly node: NodeFacts
  readonly target: boolean
}

export interface PlacementInput {
  readonly mapping: ResolvedMapping
  /** As Kubernetes names it, such as amd64. */
  readonly architecture: string
  /** All nodes that run the kernel. */
  readonly nodes: readonly KernelNode[]
  /** `build.nodeSelector` of the operator's configuration. */
  readonly nodeSelector?: Readonly<Record<string, string>> | undefined
}

type Placement = Pick<NonNullable<V1Pod['spec']>, 'nodeSelector' | 'affinity' | 'tolerations'>

/** KWOK's marks of nodes that exist in the API only. */
const simulated = { label: { key: 'type', value: 'kwok' }, taintKey: 'kwok.x-k8s.io/node' } as const

/**
 * On no node but Linux can the executor run, and on a simulated one a build would "succeed" unbuilt: both hold
 * whatever the selector says.
 */
const possible: V1NodeSelectorTerm = {
  matchExpressions: [
    { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] },
    { key: simulated.label.key, operator: 'NotIn', values: [simulated.label.value] },
  ],
}

/** So many nodes are named in a pod: the scheduler needs a few good ones, not a list of the cluster. */
const preferredLimit = 5

/**
 * Where a build runs (images:BLD-9 Better): `build.selector` of the Module decides ({} is anywhere), else the
 * operator's `build.nodeSelector`, else the architecture of the target nodes, where nodes that run the kernel are
 * preferred, never required: a cluster whose targets take no builds still builds.
 */
export function placement(input: PlacementInput): Placement {
  const tolerations = input.mapping.tolerations.filter(({ key }) => key !== simulated.taintKey)
  const required = { nodeSelectorTerms: [possible] }
  const selector = input.mapping.build?.selector ?? input.nodeSelector
  const preferred = selector === undefined ? preferredNodes(input) : []
  return {
    nodeSelector: selector === undefined ? { 'kubernetes.io/arch': input.architecture } : { ...selector },
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: required,
        ...(preferred.length === 0
          ? {}
          : {
              preferredDuringSchedulingIgnoredDuringExecution: preferred.map(({ name }, index) => ({
                weight: 100 - 10 * index,
                preference: {
                  matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }],
                },
              })),
            }),
      },
    },
    tolerations: tolerations as V1Toleration[],
  }
}

/**
 * Nodes of the kernel that could take the build, the most useful first: those with the targets' distribution and
 * release (kmod_image.md recommends it), of these the ones that are no targets, which have work of their own.
 */
function preferredNodes({ mapping, architecture, nodes }: PlacementInput): NodeFacts[] {
  const wanted = new Set(nodes.filter(({ target }) => target).map(({ node }) => distributionOf(node.osImage)))
  const strange = ({ node }: KernelNode) => Number(!wanted.has(distributionOf(node.osImage)))
  const busy = ({ target }: KernelNode) => Number(target)
  return nodes
    .filter(({ node }) => node.ready && node.architecture === architecture && !isSimulated(node))
    .filter(({ node }) =>
      node.taints.every(
        (taint) =>
          taint.effect === 'PreferNoSchedule' || mapping.tolerations.some((t) => tolerates(t, taint)),
      ),
    )
    .sort((a, b) => strange(a) - strange(b) || busy(a) - busy(b) || (a.node.name < b.node.name ? -1 : 1))
    .slice(0, preferredLimit)
    .map(({ node }) => node)
}

function isSimulated(node: NodeFacts): boolean {
  const { label, taintKey } = simulated
  return node.labels[label.key] === label.value || node.taints.some(({ key }) => key === taintKey)
}
