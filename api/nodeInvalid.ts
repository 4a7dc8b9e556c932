import type { NodeFacts } from './facts.ts'
import type { Condition } from './module.ts'

/** Type of the condition that warns of nodes whose kubelets report what no kubelet reports. */
export const nodeInvalid = 'NodeInvalid'
/** Its reason, also where a person asks about one node. */
export const nodeInfoInvalid = 'NodeInfoInvalid'

/** So many nodes are named. */
const namedNodes = 5

/** What is wrong with such a node, and what ends it; the value itself is not repeated. */
export function invalidSentence({ name, invalid }: NodeFacts): string {
  return (
    `Node ${name}: status.nodeInfo.${invalid} is not of the form that kubelets report, so nothing is done there. ` +
    'Check the node and its kubelet; it counts again when the field is valid.'
  )
}

/** The warning about nodes that a Module selects and that are left out; undefined when there are none. */
export function nodeInvalidCondition(
  selected: readonly NodeFacts[],
): Pick<Condition, 'type' | 'status' | 'reason' | 'message'> | undefined {
  const [first, ...others] = selected.filter(({ invalid }) => invalid !== undefined)
  if (first === undefined) return undefined
  const names = others.slice(0, namedNodes).map(({ name }) => name)
  const rest = others.length - names.length
  const more =
    names.length === 0 ? '' : ` So it is for ${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}.`
  return {
    type: nodeInvalid,
    status: 'True',
    reason: nodeInfoInvalid,
    message: `${invalidSentence(first)}${more}`,
  }
}
