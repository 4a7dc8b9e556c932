import { maxReruns } from './endedBuilds.ts'
import type { RemovalCause, Step } from './plan.ts'

const removalWords: Readonly<Record<RemovalCause, string>> = {
  superseded: 'its inputs have changed',
  retried: 'a retry was asked for',
  interrupted: 'it is built again',
  notNeeded: 'no node needs the image',
  moduleDeleted: 'the Module is deleted',
  forced: 'the end of the Module is forced, and its node does not answer',
}

/** What the Temporal UI shows for a step. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'check':
      return `is there an image ${step.image}`
    case 'build':
      return `build ${step.image}, attempt ${step.attempt}`
    case 'follow':
      return `follow build pod ${step.pod.name}`
    case 'await':
      return step.message
    case 'remove':
      return `remove build pod ${step.pod.name}: ${removalWords[step.cause]}`
    case 'pause':
      return `${step.reason}: build again, ${step.rerun} of ${maxReruns}, after a pause`
    case 'collect':
      return `collect build pod ${step.pod.name}`
    case 'node':
      return `${step.work.action === 'Leave' ? 'Give up' : step.work.action} on node ${step.work.node}`
  }
}
