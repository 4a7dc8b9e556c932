import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  sleep,
} from '@temporalio/workflow'
import type { KeptLog } from '../messages.ts'
import { describeStep } from './describeStep.ts'
import { Performer, type Run } from './perform.ts'
import type { Hold, KernelPlan, Step } from './plan.ts'

interface Operation {
  readonly name: string
  readonly kind: Step['kind'] | 'look' | 'nodePause'
  readonly scope: CancellationScope
  readonly done: Promise<void>
}

type NodeStep = Extract<Step, { kind: 'node' }>

/**
 * The work in flight, one operation per step key. A step planned again goes on; one no longer planned is cancelled
 * and awaited; every end rings the bell, so that the run looks at the truth again.
 */
export class Operations {
  readonly #run: Run
  readonly #performer: Performer
  readonly #inFlight = new Map<string, Operation>()
  /** Keys of what has ended since the run began to look. */
  readonly #ended = new Set<string>()

  constructor(run: Run, log?: KeptLog) {
    this.#run = run
    this.#performer = new Performer(run, log)
  }

  /** Is anything going on besides looks at holds and pauses of nodes before their next try? */
  busy(): boolean {
    return this.#has((kind) => kind !== 'look' && kind !== 'nodePause')
  }

  /** Is something to be tried again on a node later? */
  pauses(): boolean {
    return this.#has((kind) => kind === 'nodePause')
  }

  describe(): string[] {
    return [...this.#inFlight.values()].map((operation) => operation.name)
  }

  /** The run begins to look: what ends from now on may still stand in what it sees. */
  beginRound(): void {
    this.#ended.clear()
  }

  /** Cancels what the plan no longer holds. */
  cancelOthers(plan: KernelPlan): void {
    const keys = plan.steps.flatMap((step) => [step.key, pauseKey(step)])
    const wanted = new Set([...keys, ...plan.holds.map(lookKey)])
    for (const [key, operation] of this.#inFlight) if (!wanted.has(key)) operation.scope.cancel()
  }

  /** Ends the looks at holds, so that each begins anew and looks at once. */
  lookAgain(): void {
    for (const { kind, scope } of this.#inFlight.values()) if (kind === 'look') scope.cancel()
  }

  async cancelAll(): Promise<void> {
    const operations = [...this.#inFlight.values()]
    for (const operation of operations) operation.scope.cancel()
    await Promise.all(operations.map((operation) => operation.done))
  }

  /**
   * Starts what is planned and not in flight. An image step waits for the end of a cancelled one before it. Not more
   * than `maxParallel` nodes are worked on at once; those whose pod is stuck or that pause take nobody's place. What
   * has ended since the look began waits for the next one, of which its end has told.
   */
  start(plan: KernelPlan, maxParallel: number): void {
    const stuck = new Set(plan.steps.flatMap((step) => (isStuck(step) ? [step.key] : [])))
    const busy = [...this.#inFlight].filter(([key, { kind }]) => kind === 'node' && !stuck.has(key))
    let places = maxParallel - busy.length
    for (const step of plan.steps) {
      if (this.#inFlight.has(step.key) || this.#ended.has(step.key)) continue
      if (isImageStep(step.kind) && this.#has(isImageStep)) continue
      if (step.kind === 'node') {
        if (this.#onNode(step.work.uid)) continue
        if (pauseLeft(step) > 0) {
          this.#pause(step)
          continue
        }
        if (!isStuck(step) && places-- <= 0) continue
      }
      this.#run.timeline.begin(step)
      this.#launch(step.key, step.kind, describeStep(step), async () => {
        this.#run.timeline.end(step.key, await this.#performer.perform(step))
      })
    }
    for (const hold of plan.holds) {
      const { look } = hold
      if (look.kind === 'nothing' || this.#inFlight.has(lookKey(hold))) continue
      this.#launch(lookKey(hold), 'look', `look at the hold: ${hold.reason}`, () =>
        this.#performer.look(hold, look),
      )
    }
  }

  lastLog(): KeptLog | undefined {
    return this.#performer.lastLog()
  }

  /** The end of a run that a person cancelled: what is in flight ends, the build stops, and status says so. */
  async cancelByUser(): ReturnType<Performer['stopBuild']> {
    await this.cancelAll()
    return await this.#performer.stopBuild()
  }

  #has(test: (kind: Operation['kind']) => boolean): boolean {
    return [...this.#inFlight.values()].some((operation) => test(operation.kind))
  }

  #onNode(uid: string): boolean {
    return [...this.#inFlight.keys()].some((key) => key.startsWith(`node:${uid}:`))
  }

  /** At the end of the pause the run looks again, and the step is due. */
  #pause(step: NodeStep): void {
    const key = pauseKey(step)
    if (this.#inFlight.has(key)) return
    const summary = `${describeStep(step)}: tried again later`
    this.#launch(key, 'nodePause', summary, async () => await sleep(pauseLeft(step), { summary }))
  }

  #launch(key: string, kind: Operation['kind'], name: string, work: () => Promise<void>): void {
    const scope = new CancellationScope()
    const done = scope
      .run(work)
      .catch((error: unknown) => this.#absorb(key, scope, error))
      .finally(() => {
        this.#inFlight.delete(key)
        this.#ended.add(key)
        this.#run.ring()
      })
    this.#inFlight.set(key, { name, kind, scope, done })
  }

  /** What the cluster refused for good becomes a hold; a bug of ours still fails the workflow task. */
  #absorb(key: string, scope: CancellationScope, error: unknown): void {
    // A cancelled activity whose operator was lost ends by timeout, not by cancellation.
    if (isCancellation(error) || scope.consideredCancelled) return this.#run.timeline.end(key, 'cancelled')
    const cause = error instanceof ActivityFailure ? error.cause : undefined
    if (!(cause instanceof ApplicationFailure)) throw error
    const refusal = { reason: cause.type ?? 'Refused', message: cause.message }
    this.#run.timeline.end(key, `refused: ${refusal.reason}`)
    this.#run.learn((memory) => ({ ...memory, refused: { ...memory.refused, [key]: refusal } }))
  }
}

const imageSteps: readonly Operation['kind'][] = ['check', 'build', 'follow', 'await', 'remove', 'pause']

function isImageStep(kind: Operation['kind']): boolean {
  return imageSteps.includes(kind)
}

/** Milliseconds until a step that failed may be tried again. */
function pauseLeft({ work }: NodeStep): number {
  return work.notBefore === undefined ? 0 : Date.parse(work.notBefore) - Date.now()
}

function pauseKey(step: Step): string {
  return `nodePause:${step.key}:${step.kind === 'node' ? (step.work.notBefore ?? '') : ''}`
}

/** Does its pod not start, as it seems for good? */
function isStuck(step: Step): boolean {
  return step.kind === 'node' && step.work.trouble !== undefined
}

function lookKey(hold: Hold): string {
  return `look:${hold.key}`
}
