import { ImageReferenceError, parseImageReference } from '../../api/imageReference.ts'
import type { Pod } from '../kube/resources.ts'

/** What became of a node's pull. Only `absent` says that there is no image: nothing else may start a build. */
export type PullVerdict =
  | { readonly kind: 'present'; readonly digest: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unfit'; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'pulling' }

/**
 * Reads the end of a pull from its pod (images:IMG-4 and IMG-7, Better): a container that ended, or that could not be
 * made or started, had its image pulled; a pull that failed says why in the words of the container runtime
 * (containerd's and CRI-O's are known).
 */
export function pullVerdict(pod: Pod, image: string): PullVerdict {
  const container = pod.status?.containerStatuses?.[0]
  const { waiting, terminated, running } = container?.state ?? {}
  if (terminated !== undefined || running !== undefined) return pulled(container?.imageID ?? '', image)
  const { reason = '', message = '' } = waiting ?? {}
  if (/^(ErrImagePull|ImagePullBackOff)$/.test(reason)) return pullFailure(message)
  if (/^(RunContainerError|CreateContainerError|CreateContainerConfigError|PostStartHookError)$/.test(reason))
    return pulled(container?.imageID ?? '', image)
  if (pod.status?.phase === 'Failed') {
    const why = pod.status.message ?? pod.status.reason ?? 'it failed before the pull'
    return { kind: 'refused', message: why.slice(0, messageLimit) }
  }
  if (reason !== '' && !/^(ContainerCreating|PodInitializing)$/.test(reason))
    return { kind: 'refused', message: `${reason}: ${message}`.slice(0, messageLimit) }
  return { kind: 'pulling' }
}

const messageLimit = 512

/** The image ID holds the digest under which the node pulled; a node that keeps no digest cannot tell. */
function pulled(imageId: string, image: string): PullVerdict {
  const wanted = parseImageReference(image)
  if (wanted.digest !== undefined) return { kind: 'present', digest: wanted.digest }
  try {
    const found = parseImageReference(imageId.replace(/^[a-z-]+:\/\//, ''))
    const same = found.registry === wanted.registry && found.repository === wanted.repository
    if (same && found.digest !== undefined) return { kind: 'present', digest: found.digest }
  } catch (error) {
    if (!(error instanceof ImageReferenceError)) throw error
  }
  const message = 'it pulled the image but does not tell its digest; name the image with its digest'
  return { kind: 'refused', message }
}

/** Nothing but a registry's own "not found" is one: not a host without a name, a closed repository or a lost layer. */
const unresolved = /\bfailed to resolve (?:reference|image)\b/
const unknown = /\bmanifest unknown\b|\bname unknown\b/
const isNotFound = (message: string) =>
  unknown.test(message) || (unresolved.test(message) && message.endsWith(': not found'))
const noPlatform = /no match for platform|no image found in (?:manifest list|image index) for/

function pullFailure(message: string): PullVerdict {
  const short = message.slice(0, messageLimit)
  if (noPlatform.test(message)) return { kind: 'unfit', message: short }
  if (isNotFound(message)) return { kind: 'absent' }
  // Between two tries the kubelet may say no more than that it waits.
  return /^Back-off pulling image "[^"]*"$/.test(message)
    ? { kind: 'pulling' }
    : { kind: 'refused', message: short }
}
