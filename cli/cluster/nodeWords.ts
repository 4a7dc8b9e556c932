import type { NodePlan } from '../../api/nodePlan.ts'
import type { SeenNode } from './views.ts'

/** How one node stands, in one word of ours, and why. */
export interface NodeReport {
  readonly node: string
  readonly state: 'loaded' | 'failed' | 'stuck' | 'underWay' | 'waits' | 'away' | 'nothing'
  readonly says: string
}

/** What the operator's plan for a node means for people. */
export function reportNode({ node, plan, paused }: SeenNode): NodeReport {
  if (paused !== undefined && (plan.kind === 'idle' || plan.kind === 'waiting')) {
    return { node: node.name, state: 'waits', says: `kept out for now by the taint ${paused.key}` }
  }
  return { node: node.name, ...wordsOf(plan) }
}

function wordsOf(plan: NodePlan): Omit<NodeReport, 'node'> {
  switch (plan.kind) {
    case 'loaded':
      return { state: 'loaded', says: 'loaded' }
    case 'idle':
      return { state: 'nothing', says: 'nothing to do' }
    case 'waiting':
      return { state: 'waits', says: 'waits for the image' }
    case 'unreachable':
      return { state: 'away', says: 'not Ready: it is looked after when it returns' }
    case 'failed': {
      const { action, reason, message, attempts, retryAt } = plan.failure
      const times = attempts === 1 ? '' : ` ${attempts} times`
      const next = retryAt === undefined ? '' : ` (tried again at ${retryAt})`
      const says = `${action.toLowerCase()} failed${times}: ${reason}: ${message}${next}`
      return { state: retryAt === undefined ? 'failed' : 'stuck', says }
    }
    case 'work': {
      const { action, trouble } = plan.work
      return trouble === undefined
        ? { state: 'waits', says: action === 'Load' ? 'is to be loaded' : 'is to be unloaded' }
        : { state: 'stuck', says: `${action.toLowerCase()} waits: ${trouble.reason}: ${trouble.message}` }
    }
    case 'follow':
      return {
        state: 'underWay',
        says: `${plan.command.action === 'Load' ? 'loading' : 'unloading'} in pod ${plan.pod.name}`,
      }
    case 'settle':
      return { state: plan.loaded ? 'loaded' : 'underWay', says: `pod ${plan.pod.name} is being ended` }
    case 'leave':
      return { state: 'failed', says: 'given up: the module stays until the next boot' }
    case 'tidy':
      return plan.loaded
        ? { state: 'loaded', says: 'loaded' }
        : { state: 'waits', says: 'its record is to be brought up to date' }
  }
}
