import type { Why } from '../waitSaying.ts'

/** What helps a build pod that has not started, by the reason that the cluster gives. */
const fixes: readonly { readonly reason: RegExp; readonly fix: string }[] = [
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
  },
  {
    reason: /^ContainerCreating$/,
    fix: 'kubectl describe pod shows what it waits for: a volume, the network, or a slow pull of the executor.',
  },
  {
    reason: /^(CreateContainerError|CreateContainerConfigError|RunContainerError)$/,
    fix: 'kubectl describe pod shows what the node says.',
  },
]

/** Adds to the cluster's words for a build pod that waits what a person can do (images:BLD-14 Better). */
export function withFix(why: Why): Why {
  const found = fixes.find(({ reason }) => reason.test(why.reason))
  if (found === undefined) return why
  const said = why.message.trimEnd()
  return { ...why, message: `${said}${/[.!?]$/.test(said) ? '' : '.'} ${found.fix}` }
}
