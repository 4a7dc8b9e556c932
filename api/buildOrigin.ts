import type { NodeFacts } from './facts.ts'
import type { BuildOrigin, Condition, KernelStatus } from './module.ts'

/** Type of the condition that warns of an image built on another distribution or release than its target nodes'. */
export const buildNodeDiffers = 'BuildNodeDiffers'

/**
 * Distribution and release in a Node's `osImage`, without the patch level: "Ubuntu 22.04.4 LTS" and "Ubuntu 22.04.5
 * LTS" are one, "Debian GNU/Linux 12 (bookworm)" and "... 13 (trixie)" are two.
 */
export function distributionOf(osImage: string): string {
  const text = osImage.trim()
  // The beginning is no part of the expression: to find it there takes quadratic time.
  const found = /\bv?(\d+(?:\.\d+)?(?: SP\d+)?)/.exec(text)
  if (found === null) return text.toLowerCase()
  return `${text.slice(0, found.index).trimEnd()} ${found[1]}`.trim().toLowerCase()
}

/** What is known of the node of a build; only its name when the Node object is gone. */
export function buildOrigin(nodes: readonly NodeFacts[], name: string): BuildOrigin {
  const node = nodes.find((n) => n.name === name)
  if (node === undefined) return { node: name }
  const { kernel, osImage, architecture } = node
  return { node: name, kernel, osImage, architecture }
}

/**
 * Are the images of a Module built where the page on kmod images recommends it: on the distribution and release of
 * the nodes that load them (images:KMI-7)? Undefined when no image is known to be built in the cluster. A warning
 * only: it holds nothing back.
 */
export function buildNodeCondition(
  kernels: readonly KernelStatus[],
  targets: readonly NodeFacts[],
): Pick<Condition, 'type' | 'status' | 'reason' | 'message'> | undefined {
  const verdicts = kernels.flatMap((entry) => verdictOf(entry, targets) ?? [])
  const found =
    verdicts.find(({ status }) => status === 'True') ??
    verdicts.find(({ status }) => status === 'Unknown') ??
    verdicts[0]
  return found === undefined ? undefined : { type: buildNodeDiffers, ...found }
}

function verdictOf({ kernel, builtOn }: KernelStatus, targets: readonly NodeFacts[]) {
  const nodes = targets.filter((node) => node.kernel === kernel)
  if (builtOn === undefined || nodes.length === 0) return undefined
  const { node: builder, osImage } = builtOn
  if (osImage === undefined) {
    const message = `Kernel ${kernel}: the image was built on node ${builder}, which is not in the cluster any more.`
    return { status: 'Unknown' as const, reason: 'BuildNodeGone', message }
  }
  const others = nodes.filter((node) => distributionOf(node.osImage) !== distributionOf(osImage))
  const [first] = others
  if (first === undefined) {
    const message = `Kernel ${kernel}: the image was built on ${osImage}, as the nodes that load it have it.`
    return { status: 'False' as const, reason: 'SameDistribution', message }
  }
  const more = others.length > 1 ? ` (${others.length} nodes differ)` : ''
  const message =
    `Kernel ${kernel}: the image was built on node ${builder} with ${osImage}; node ${first.name} has ${first.osImage}${more}. ` +
    'Modules of the distribution that the image depends on may be missing or elsewhere there. ' +
    'Let build.selector choose nodes like those that load it.'
  return { status: 'True' as const, reason: 'DistributionDiffers', message }
}
