import type { NodeWork } from '../../api/nodePlan.ts'

/** What came of one action on many nodes, in a few words however many they are. */
export class NodeTally {
  readonly action: NodeWork['action']
  readonly #nodes = new Set<string>()
  #open = 0
  /** Ends by their kind, the first word. */
  readonly #ends = new Map<string, number>()
  #lastEnd = ''
  #lastFailure = ''

  constructor(action: NodeWork['action']) {
    this.action = action
  }

  begin(node: string): void {
    this.#nodes.add(node)
    this.#open++
  }

  /** `outcome`: its kind, and behind a colon why. */
  end(node: string, outcome: string): void {
    const [kind = ''] = outcome.split(':')
    this.#open--
    this.#ends.set(kind, (this.#ends.get(kind) ?? 0) + 1)
    this.#lastEnd = outcome
    if (kind === 'failed') this.#lastFailure = `, last on node ${node}${outcome.slice(kind.length)}`
  }

  isOpen(): boolean {
    return this.#open > 0
  }

  what(): string {
    const word = this.action === 'Leave' ? 'Give up' : this.action
    const [first] = this.#nodes
    return this.#nodes.size === 1 ? `${word} on node ${first}` : `${word} on ${this.#nodes.size} nodes`
  }

  outcome(): string {
    const ended = [...this.#ends.values()].reduce((sum, n) => sum + n, 0)
    if (ended === 0) return 'goes on'
    if (ended === 1 && this.#open === 0) return this.#lastEnd
    const parts = [...this.#ends].map(
      ([kind, count]) => `${count} ${kind}${kind === 'failed' ? this.#lastFailure : ''}`,
    )
    return [...parts, ...(this.#open > 0 ? [`${this.#open} go on`] : [])].join('; ')
  }
}
