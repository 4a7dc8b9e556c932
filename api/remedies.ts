import { help } from './commandsThatHelp.ts'
import type { KernelStatus } from './module.ts'
import type { ModuleRef } from './names.ts'
import { isStuck } from './steering.ts'

/** What a person does about something a kernel waits for. */
export interface Remedy {
  /** What ends the wait, in words. */
  readonly unblock: string
  /** They can be pasted. */
  readonly commands: readonly string[]
}

/** What is waited for, as a kernel's entry in status says it. */
export type Wait = Pick<KernelStatus, 'reason' | 'message' | 'buildPod'>

interface Rule {
  readonly reason: RegExp
  readonly remedy: (ref: ModuleRef, wait: Wait) => Remedy
}

const triedAgain = 'It is tried again every 15 seconds.'

/** A pod that has not started: its own words stand in the message, which begins with its name. */
const notStarted: Rule['remedy'] = ({ namespace }, { message = '', buildPod }) => {
  const pod = /^pod (\S+):/u.exec(message)?.[1] ?? buildPod
  return {
    unblock: 'Mend what its node or the scheduler says; the pod starts by itself then.',
    commands: pod === undefined ? [] : [help.describePod(namespace, pod)],
  }
}

/**
 * Waits that last until a person mends something outside of the run: what the cluster or the registry refuses. What a
 * run itself holds names its own way out.
 */
const rules: readonly Rule[] = [
  {
    reason: /^Secret/u,
    remedy: (ref, { reason, message = '' }) => ({
      unblock: `Create or mend what is named. ${triedAgain}`,
      commands:
        reason === 'SecretNameInvalid'
          ? [help.edit(ref)]
          : secretsIn(message).map(({ field, name }) => {
              if (reason !== 'SecretMissing') return help.describeSecret(ref.namespace, name)
              return creationOf(field)(ref.namespace, name)
            }),
    }),
  },
  {
    reason: /^RegistryUnauthorized$/u,
    remedy: (ref) => ({
      unblock:
        'Name a Secret with a login for the registry in imageRepoSecret, or mend the one that is named. The registry is ' +
        'asked again at a growing pace, at once when the Module is changed.',
      commands: [help.edit(ref)],
    }),
  },
  {
    reason: /^PodRefusedByPodSecurity$/u,
    remedy: ({ namespace }) => ({
      unblock: `Label the namespace. ${triedAgain}`,
      commands: [help.allowPods(namespace)],
    }),
  },
  {
    reason: /^PodRefusedByQuota$/u,
    remedy: ({ namespace }) => ({
      unblock: `Raise the quota, or free what it counts. ${triedAgain}`,
      commands: [help.quotas(namespace)],
    }),
  },
  {
    reason: /^PodRejected$/u,
    remedy: (ref) => ({
      unblock: `Mend what the API server names. ${triedAgain}`,
      commands: [help.edit(ref)],
    }),
  },
  { reason: /^Unschedulable$/u, remedy: notStarted },
  {
    reason:
      /^(ImagePullBackOff|InvalidImageName|ErrImageNeverPull|ImageInspectError|Create\w*Error|RunContainerError)$/u,
    remedy: notStarted,
  },
]

/** What a person has to do about a wait; undefined for one that ends by itself, or that has no reason. */
export function remedyOf(ref: ModuleRef, wait: Wait): Remedy | undefined {
  const { reason } = wait
  if (reason === undefined) return undefined
  return rules.find((rule) => rule.reason.test(reason))?.remedy(ref, wait)
}

/** Does a kernel wait until a person mends something, whether its run holds it or the cluster or a registry refuses it? */
export function needsPerson(ref: ModuleRef, entry: KernelStatus): boolean {
  return isStuck(entry) || remedyOf(ref, entry) !== undefined
}

/** Is this the reason of a pod that the API server refuses, by whatever rule? */
export function isPodRefusal(reason: string | undefined): reason is string {
  return reason?.startsWith('PodRe') === true
}

/** The command that creates the Secret of a field. */
function creationOf(field: string): (namespace: string, name: string) => string {
  switch (field) {
    case 'imageRepoSecret':
      return help.createPullSecret
    case 'sign.keySecret':
      return help.createKeySecret
    case 'sign.certSecret':
      return help.createCertSecret
    default:
      return help.createSecret
  }
}

/** The Secrets that a message names, each with the field of the Module. */
function secretsIn(message: string): { readonly field: string; readonly name: string }[] {
  const fields = /(build\.secrets|imageRepoSecret|sign\.keySecret|sign\.certSecret): Secret [^/\s]+\/(\S+) /gu
  const named = message.matchAll(fields)
  return [...named].map(([, field = '', name = '']) => ({ field, name }))
}
