import { maxReruns } from './endedBuilds.ts'
import type { BuildPodView } from '../../api/kernelView.ts'
import type { RemovalCause, Step } from './plan.ts'

const removalWords: Readonly<Record<RemovalCause, string>> = {
  superseded: 'its inputs have changed',
  retried: 'a retry was asked for',
  interrupted: 'it is made again',
  notNeeded: 'no node needs the image',
  moduleDeleted: 'the Module is deleted',
  forced: 'the end of the Module is forced, and its node does not answer',
}

/** What a pod is, and its name. */
export function podWords({ name, source }: Pick<BuildPodView, 'name' | 'source'>): string {
  return `${source === undefined ? 'build' : 'sign'} pod ${name}`
}

/** What the Temporal UI shows for a step. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'check':
      return `is there an image ${step.image}`
    case 'build':
      return `${step.unsigned === undefined ? 'build' : 'sign'} ${step.image}, attempt ${step.attempt}`
    case 'follow':
      return `follow ${podWords(step.pod)}`
    case 'await':
      return step.message
    case 'remove':
      return `remove ${podWords(step.pod)}: ${removalWords[step.cause]}`
    case 'pause':
      return `${step.reason}: once more, ${step.rerun} of ${maxReruns}, after a pause`
    case 'collect':
      return `collect ${podWords(step.pod)}`
    case 'node':
      return `${step.work.action === 'Leave' ? 'Give up' : step.work.action} on node ${step.work.node}`
  }
}
