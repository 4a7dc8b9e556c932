import { retries, type NodesView } from '../../api/nodesView.ts'

/** Why a node has not come to its end yet, though nobody has to do anything. */
export interface Trouble {
  readonly node: string
  readonly reason: string
  /** With the time of the next try. */
  readonly message: string
}

/** Nodes that are tried again by themselves, and nodes whose pod does not start; the longest failing first. */
export function troubles(nodes: NodesView): readonly Trouble[] {
  const failed = nodes.failures
    .filter(retries)
    .toSorted((a, b) => b.attempts - a.attempts)
    .map(({ node, reason, message, attempts, retryAt }) => {
      const times = attempts === 1 ? 'once' : `${attempts} times`
      return { node, reason, message: `${message} (failed ${times}, tried again at ${retryAt})` }
    })
  const stuck = nodes.work.flatMap(({ node, trouble }) =>
    trouble === undefined ? [] : [{ node, ...trouble }],
  )
  return [...failed, ...stuck]
}

/** One sentence of status. */
export function troubleSentence(first: Trouble, nodes: NodesView): string {
  const others = troubles(nodes).length - 1
  const more = others > 0 ? ` (${others} more ${others === 1 ? 'node waits' : 'nodes wait'} too)` : ''
  return `Node ${first.node}: ${first.message}${more}`
}
