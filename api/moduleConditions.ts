import type { NodeFacts } from './facts.ts'
import type { Condition, KernelStatus, Module } from './module.ts'
import { needsPerson } from './remedies.ts'
import { mappingFault } from './specFaults.ts'
import { isStuck } from './steering.ts'

export type Verdict = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>
type Because = Pick<Condition, 'reason' | 'message'>

/**
 * Ready: every target node's kernel is Loaded, or has no mapping while another is Loaded. A kernel that nobody has
 * looked at yet counts against it.
 */
export function conditionsOf(
  module: Module,
  targets: readonly NodeFacts[],
  remains: readonly string[],
): Verdict[] {
  const kernels = module.status?.kernels ?? []
  const pending = isPending(module, targets)
  const bad = kernels.filter(isStuck)
  const degraded = bad[0] ?? kernels.find((k) => needsPerson(module.metadata, k))
  const waiting = kernels.filter((k) => !isStuck(k) && k.reason !== undefined)
  const moving = kernels.filter((k) => !isStuck(k) && !isAtRest(k))
  const imageless = kernels.filter((k) => k.digest === undefined && needsImage(k))
  const first = bad[0] ?? waiting[0] ?? moving[0]
  const idle = idleReason(module, targets)
  const deleting = module.metadata.deletionTimestamp !== undefined
  const fault = deleting ? undefined : mappingFault(module)
  const why = (kernel: KernelStatus | undefined) =>
    (kernel === undefined && (fault ?? idle)) || reasonOf(kernel)
  const loaded = kernels.some((k) => k.phase === 'Loaded') && kernels.every(isAtRest)
  const count = kernels.reduce((sum, k) => sum + (k.nodes?.loaded ?? 0), 0)
  const images = kernels.some((k) => k.digest !== undefined) && imageless.length === 0
  return [
    deleting
      ? verdict('Ready', 'False', { reason: 'Deleting', message: deletingSentence(remains) })
      : loaded && !pending && idle === undefined
        ? verdict('Ready', 'True', {
            reason: 'Loaded',
            message: `Loaded on ${count} of ${targets.length} nodes.`,
          })
        : verdict('Ready', 'False', why(pending ? bad[0] : first)),
    images && !pending
      ? verdict('ImagesReady', 'True', { reason: 'Verified', message: 'Every kernel has its image.' })
      : verdict('ImagesReady', 'False', why(imageless[0] ?? (pending ? undefined : first))),
    moving.length > 0 || pending
      ? verdict('Progressing', 'True', reasonOf(moving[0]))
      : verdict('Progressing', 'False', { reason: 'AtRest', message: 'Nothing is going on.' }),
    degraded !== undefined
      ? verdict('Degraded', 'True', reasonOf(degraded))
      : fault !== undefined
        ? verdict('Degraded', 'True', fault)
        : verdict('Degraded', 'False', { reason: 'AsExpected', message: 'Nothing waits for anybody.' }),
  ]
}
function verdict(type: string, status: Condition['status'], because: Because): Verdict {
  return { type, status, ...because }
}

/** Is there a target node whose kernel nobody has looked at yet? */
export function isPending({ status }: Module, targets: readonly NodeFacts[]): boolean {
  return targets.some((node) => (status?.kernels ?? []).every(({ kernel }) => kernel !== node.kernel))
}

/** Is there a node that the image is for? */
export function needsImage({ phase }: KernelStatus): boolean {
  return phase !== 'NoNodes' && phase !== 'Unloading'
}

/** What the end of a Module waits for; of many the first few. */
function deletingSentence(remains: readonly string[]): string {
  const first = remains.slice(0, 3).join('; ')
  const more = remains.length > 3 ? `; and others` : ''
  return `The module is being unloaded.${first === '' ? '' : ` Waits for: ${first}${more}.`}`
}

/** Is nothing going on, and nothing to be done? */
export function isAtRest({ phase }: KernelStatus): boolean {
  return phase === 'Loaded' || phase === 'NoNodes'
}

/** Why there is nothing to load at all. */
function idleReason(module: Module, targets: readonly NodeFacts[]): Because | undefined {
  if (module.spec.moduleLoader === undefined) {
    return { reason: 'NoModuleLoader', message: 'spec.moduleLoader is not set: there is nothing to load.' }
  }
  return targets.length > 0
    ? undefined
    : {
        reason: 'NoNodes',
        message: 'No node matches spec.selector, or all have taints that the Module does not tolerate.',
      }
}

function reasonOf(kernel: KernelStatus | undefined): Because {
  if (kernel === undefined) return { reason: 'Pending', message: 'Nothing has been looked at yet.' }
  const message = kernel.message ?? phaseSentence(kernel)
  return {
    reason: kernel.reason ?? kernel.phase,
    message: `Kernel ${kernel.kernel}: ${message}`.slice(0, 32_000),
  }
}

function phaseSentence(kernel: KernelStatus): string {
  const nodes = `${kernel.nodes?.loaded ?? 0} of ${kernel.nodes?.targets ?? 0} nodes loaded`
  switch (kernel.phase) {
    case 'CheckingImage':
      return `looking for image ${kernel.image}.`
    case 'Building':
      return `building ${kernel.image} in pod ${kernel.buildPod}.`
    case 'Signing':
      return `signing ${kernel.image} in pod ${kernel.buildPod}.`
    default:
      return `${nodes}.`
  }
}
