import { formatDuration } from '../../api/duration.ts'
import type { BuildPodView } from '../../api/kernelView.ts'
import type { NodeWork } from '../../api/nodePlan.ts'
import type { KeptTimeline, RunTimeline, TimelineEntry } from '../messages.ts'
import { describeStep } from './describeStep.ts'
import { NodeTally } from './nodeTally.ts'
import type { Hold, Step } from './plan.ts'

/** So many entries are kept; of older ones only the number. */
export const timelineLimit = 60
/** Characters of a text that others wrote. */
const textLimit = 300

interface Entry {
  readonly what: () => string
  /** Milliseconds since 1970. */
  readonly from: number
  to?: number
  outcome: () => string
  /** Of a hold. */
  readonly hold?: string
}

/**
 * The story of a run for people: what it did and waited for, when, how long, and what came of it. Made of what the
 * run goes through anyway, so it costs no history; work on nodes is one entry as long as nothing else comes between.
 */
export class Timeline {
  readonly #now: () => number
  readonly #since: number
  #leftOut: number
  #entries: Entry[]
  /** What goes on, by key of its step. */
  readonly #open = new Map<string, { readonly end: (outcome: string) => void }>()
  /** The last entry of each action on nodes. */
  readonly #nodes = new Map<string, { readonly entry: Entry; readonly tally: NodeTally }>()
  /** The holds of the last look, and what has ended them since. */
  #holds: readonly Hold[] = []
  readonly #releases = new Map<string, string>()

  /** `now`: milliseconds since 1970. `kept`: of the part of the run that this one continues. */
  constructor(now: () => number, kept?: KeptTimeline) {
    this.#now = now
    this.#since = kept === undefined ? now() : Date.parse(kept.since)
    this.#leftOut = kept?.leftOut ?? 0
    this.#entries = (kept?.entries ?? []).map(({ what, from, to, outcome, hold }) => ({
      what: () => what,
      from: Date.parse(from),
      ...(to === undefined ? {} : { to: Date.parse(to) }),
      outcome: () => outcome,
      ...(hold === undefined ? {} : { hold }),
    }))
  }

  /** A step begins. */
  begin(step: Step): void {
    if (step.kind === 'node') return this.#beginOnNode(step)
    const what = clipped(describeStep(step))
    const entry = this.#add({ what: () => what, from: this.#now(), outcome: goesOn })
    this.#open.set(step.key, { end: (outcome) => this.#end(entry, outcome) })
  }

  /** It has ended; `outcome` in words, the first of which tells one kind of end from another. */
  end(key: string, outcome: string): void {
    this.#open.get(key)?.end(outcome)
    this.#open.delete(key)
  }

  /** A person releases these holds. */
  retry(by: string, holds: readonly Hold[]): void {
    const why = clipped(`retry: ${by}`)
    for (const { key } of holds) this.#releases.set(key, why)
    const now = this.#now()
    this.#add({ what: () => why, from: now, to: now, outcome: () => 'done' })
  }

  /** Something else ends a hold. */
  release(hold: string, why: string): void {
    this.#releases.set(hold, clipped(why))
  }

  /** What the run waits for a person for, as of its last look. */
  hold(holds: readonly Hold[], pods: readonly BuildPodView[]): void {
    for (const entry of this.#entries.filter(({ hold, to }) => hold !== undefined && to === undefined)) {
      if (holds.every(({ key }) => key !== entry.hold)) this.#end(entry, this.#whyReleased(entry.hold, pods))
    }
    for (const { key, reason, message } of holds) {
      // What did not end a hold that stands has not ended it later either.
      this.#releases.delete(key)
      if (this.#holdOf(key) !== undefined) continue
      const what = clipped(`held: ${reason}: ${message}`)
      this.#add({ what: () => what, from: this.#now(), outcome: goesOn, hold: key })
    }
    this.#holds = holds
  }

  /** What has ended a hold, in words; undefined when that is not known (any more). */
  releaseOf(hold: string): string | undefined {
    const entry = this.#entries.findLast((e) => e.hold === hold)
    return entry?.to === undefined ? undefined : entry.outcome()
  }

  /** For the query. */
  answer(): RunTimeline {
    return {
      since: new Date(this.#since).toISOString(),
      ...(this.#leftOut === 0 ? {} : { leftOut: this.#leftOut }),
      entries: this.#entries.map((entry) => this.#shown(entry)),
    }
  }

  /** For the part that goes on with the run. */
  carry(): KeptTimeline {
    return {
      since: new Date(this.#since).toISOString(),
      leftOut: this.#leftOut,
      entries: this.#entries.map((entry) => {
        const { hold } = entry
        return { ...this.#shown(entry), ...(hold === undefined ? {} : { hold }) }
      }),
    }
  }

  #beginOnNode(step: Extract<Step, { kind: 'node' }>): void {
    const { action } = step.work
    const last = this.#nodes.get(action)
    const goesOn = last !== undefined && (last.tally.isOpen() || this.#entries.at(-1) === last.entry)
    const { entry, tally } = goesOn ? last : this.#addOnNodes(action)
    delete entry.to
    tally.begin(step.work.node)
    this.#open.set(step.key, {
      end: (outcome) => {
        tally.end(step.work.node, clipped(outcome))
        if (!tally.isOpen()) entry.to = this.#now()
      },
    })
  }

  #addOnNodes(action: NodeWork['action']): { readonly entry: Entry; readonly tally: NodeTally } {
    const tally = new NodeTally(action)
    const entry = { what: () => tally.what(), from: this.#now(), outcome: () => tally.outcome() }
    const added = { entry: this.#add(entry), tally }
    this.#nodes.set(action, added)
    return added
  }

  #add(entry: Entry): Entry {
    this.#entries.push(entry)
    if (this.#entries.length > timelineLimit) {
      const oldest = this.#entries.findIndex(({ to }) => to !== undefined)
      this.#entries.splice(Math.max(0, oldest), 1)
      this.#leftOut++
    }
    return entry
  }

  #end(entry: Entry, outcome: string): void {
    const words = clipped(outcome)
    entry.to = this.#now()
    entry.outcome = () => words
  }

  #holdOf(key: string): Entry | undefined {
    return this.#entries.find(({ hold, to }) => hold === key && to === undefined)
  }

  #whyReleased(key: string | undefined, pods: readonly BuildPodView[]): string {
    const said = this.#releases.get(key ?? '')
    if (said !== undefined) return said
    const look = this.#holds.find((hold) => hold.key === key)?.look
    const pod = look?.kind === 'image' ? look.pod : undefined
    const gone = pod !== undefined && pods.every(({ uid }) => uid !== pod.uid)
    return gone ? podIsGone(pod.name) : 'the Module or the cluster has changed'
  }

  #shown({ what, from, to, outcome }: Entry): TimelineEntry {
    return {
      what: what(),
      from: new Date(from).toISOString(),
      ...(to === undefined ? {} : { to: new Date(to).toISOString(), took: formatDuration(to - from) }),
      outcome: outcome(),
    }
  }
}

/** Why a hold has ended whose failed pod somebody deleted. */
export function podIsGone(name: string): string {
  return `its pod ${name} is gone`
}

function goesOn(): string {
  return 'goes on'
}

function clipped(text: string): string {
  const line = text.replaceAll(/\s+/gu, ' ').trim()
  return line.length > textLimit ? `${line.slice(0, textLimit - 1)}…` : line
}
