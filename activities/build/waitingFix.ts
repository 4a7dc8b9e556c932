import type { ImageStage } from '../events/moduleEvent.ts'
import type { Why } from '../waitSaying.ts'

/** What helps a pod that has not started, by the reason that the cluster gives. */
const fixes: readonly { readonly reason: RegExp; readonly fix: string; readonly sign?: string }[] = [
  {
    reason: /^Unschedulable$/,
    fix:
      "A node must have the labels of build.selector (without one: of build.nodeSelector in the operator's " +
      "configuration, or the kernel's architecture), taints that spec.tolerations allow, and room for build.resources " +
      'of that configuration.',
  },
  {
    reason: /^(ImagePullBackOff|InvalidImageName|ErrImageNeverPull|RegistryUnavailable|ImageInspectError)$/,
    fix:
      "The image is that of the build executor: build.image of the operator's configuration, with the tag of " +
      'build.kanikoParams when the Module gives one. Nodes pull it with the Secret build.pullSecret of that configuration.',
    sign:
      'The image is the one to be signed, the build executor (build.image and build.pullSecret of the configuration), or ' +
      'the one of the operator. The node itself pulls the image to be signed, as worker pods are pulled: with the login ' +
      'of imageRepoSecret, and as its container runtime speaks to the registry.',
  },
  {
    reason: /^ContainerCreating$/,
    fix: 'kubectl describe pod shows what it waits for: a volume, the network, or a slow pull.',
  },
  {
    reason: /^(CreateContainerError|CreateContainerConfigError|RunContainerError)$/,
    fix: 'kubectl describe pod shows what the node says.',
  },
]

/** Adds to the cluster's words for a pod that waits what a person can do (images:BLD-14 Better). */
export function withFix(why: Why, stage: ImageStage = 'build'): Why {
  const found = fixes.find(({ reason }) => reason.test(why.reason))
  if (found === undefined) return why
  const said = why.message.trimEnd()
  return {
    ...why,
    message: `${said}${/[.!?]$/.test(said) ? '' : '.'} ${stage === 'sign' ? (found.sign ?? found.fix) : found.fix}`,
  }
}
