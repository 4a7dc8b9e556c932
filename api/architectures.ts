/** Why an image serves not all of the nodes it is for, and what ends that. */
export interface Uncovered {
  readonly reason: 'MixedArchitectures' | 'ArchitectureMissing'
  readonly message: string
  readonly unblock: string
}

/**
 * Does an image that is made for the architectures `made` serve nodes of the architectures `wanted` (as Kubernetes
 * names them)? Undefined when it does. An image that does not say for which it is made serves nodes of one.
 */
export function uncoveredBy(
  image: string,
  made: readonly string[],
  wanted: readonly string[],
): Uncovered | undefined {
  const mixed = wanted.length > 1
  if (made.length === 0 ? !mixed : wanted.every((architecture) => made.includes(architecture)))
    return undefined
  const says = made.length === 0 ? 'does not say its architecture' : `is made for ${made.join(', ')}`
  return {
    reason: mixed ? 'MixedArchitectures' : 'ArchitectureMissing',
    message: `Image ${image} ${says}, and the target nodes are ${wanted.join(', ')}.`,
    unblock:
      `Push an ${mixed ? 'index' : 'image'} for ${wanted.join(', ')} under this name, or let spec.selector name ` +
      'other nodes (label kubernetes.io/arch); the signal `retryBuild` looks again at once.',
  }
}
