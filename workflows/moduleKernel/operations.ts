import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  sleep,
} from '@temporalio/workflow'
import type { KernelRequest, PodRef, Seen } from '../../activities/contract.ts'
import type { KernelStatus } from '../../api/module.ts'
import type { activitiesOn } from '../options.ts'
import { learnFromEnd, pauseBefore } from './buildEnds.ts'
import { maxReruns } from './endedBuilds.ts'
import type { Hold, KernelMemory, KernelPlan, Step } from './plan.ts'

/** What operations need of their run. */
interface Run {
  /** What every request says of the run. */
  readonly about: () => KernelRequest
  readonly activities: ReturnType<typeof activitiesOn>
  /** Pause before a build that the cluster ended is made again the first time, in milliseconds. */
  readonly rerunPauseMs: number
  readonly ring: () => void
  readonly hear: (news: Seen) => void
  readonly entry: () => KernelStatus | undefined
  readonly learn: (change: (memory: KernelMemory) => KernelMemory) => void
}

interface Operation {
  readonly name: string
  readonly kind: Step['kind'] | 'look' | 'nodePause'
  readonly scope: CancellationScope
  readonly done: Promise<void>
}

/** Pause after a command that came too late for its node. */
const obsoletePauseMs = 2_000

type BuildStep = Extract<Step, { kind: 'build' }>
type NodeStep = Extract<Step, { kind: 'node' }>
type Question = { readonly image: string; readonly generation: number | null }

/**
 * The work in flight, one operation per step key. A step planned again goes on; one no longer planned is cancelled
 * and awaited; every end rings the bell, so that the run looks at the truth again.
 */
export class Operations {
  readonly #run: Run
  readonly #inFlight = new Map<string, Operation>()
  /** Keys of what has ended since the run began to look. */
  readonly #ended = new Set<string>()
  #log: { pod: string; log: string } | undefined

  constructor(run: Run) {
    this.#run = run
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

  lastLog(): { pod: string; log: string } | undefined {
    return this.#log
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
      this.#launch(step.key, step.kind, describeStep(step), () => this.#perform(step))
    }
    for (const hold of plan.holds) {
      const { look } = hold
      if (look.kind === 'nothing' || this.#inFlight.has(lookKey(hold))) continue
      this.#launch(lookKey(hold), 'look', `look at the hold: ${hold.reason}`, () => this.#look(hold, look))
    }
  }

  /** The end of a run that a person cancelled: the build stops, and status says so with its input hash. */
  async cancelByUser(): Promise<void> {
    await this.cancelAll()
    const { activities, about, entry } = this.#run
    const last = entry()
    if (last === undefined) return
    const building =
      last.phase === 'Building' || last.phase === 'CheckingImage' || last.phase === 'BuildFailed'
    if (!building) return
    const { view } = await activities.short.readKernel.executeWithOptions(
      { summary: 'look for pods to stop' },
      [about()],
    )
    for (const pod of view.pods.filter((p) => p.state === 'active')) {
      const summary = `cancelled: stop build pod ${pod.name}`
      await activities.following.removeBuildPod.executeWithOptions({ summary }, [this.#removal(pod)])
    }
    const message = 'The run was cancelled. Changed inputs or a retry start it again.'
    const inputHash =
      view.wish.kind === 'wanted' && view.wish.build.kind === 'ready' ? view.wish.build.inputHash : ''
    const cancelled: KernelStatus = { ...last, inputHash, phase: 'Cancelled', reason: 'Cancelled', message }
    await activities.short.reportKernel.executeWithOptions({ summary: 'status: Cancelled' }, [
      { ...about(), entry: cancelled },
    ])
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
    if (isCancellation(error) || scope.consideredCancelled) return
    const cause = error instanceof ActivityFailure ? error.cause : undefined
    if (!(cause instanceof ApplicationFailure)) throw error
    const refusal = { reason: cause.type ?? 'Refused', message: cause.message }
    this.#run.learn((memory) => ({ ...memory, refused: { ...memory.refused, [key]: refusal } }))
  }

  async #perform(step: Step): Promise<void> {
    const { activities, about, hear, entry } = this.#run
    const summary = describeStep(step)
    switch (step.kind) {
      case 'check':
        await this.#ask(step)
        return
      case 'build':
        return await this.#build(step)
      case 'follow':
        return await this.#follow(step, this.#podRef(step.pod), step.pod)
      case 'await':
        // What the registry said before is of no value afterwards.
        this.#run.learn(({ answer: _answer, ...memory }) => memory)
        return await condition(() => false)
      case 'remove':
        return await activities.following.removeBuildPod.executeWithOptions({ summary }, [
          this.#removal(step.pod),
        ])
      case 'pause': {
        const pause = pauseBefore(step.rerun, this.#run.rerunPauseMs)
        const delay = Date.parse(step.since) + pause - Date.now()
        if (delay > 0) await sleep(delay, { summary })
        return this.#release([step.key])
      }
      case 'collect': {
        const delay = Date.parse(step.at) - Date.now()
        if (delay > 0) await sleep(delay, { summary: `job.gcDelay: keep build pod ${step.pod.name}` })
        return await activities.following.removeBuildPod.executeWithOptions({ summary }, [
          this.#removal(step.pod),
        ])
      }
      case 'node': {
        const { work } = step
        const request = { ...about(), work, entry: entry() }
        const outcome = await activities.following.workOnNode.executeWithOptions({ summary }, [request])
        hear(outcome.seen)
        // The cache of nodes may be a moment behind the node itself: the same command would be obsolete again.
        if (outcome.kind === 'obsolete')
          await sleep(obsoletePauseMs, { summary: `${work.node} changed: look again` })
        return
      }
    }
  }

  /** `digest`: of the image that a build has just pushed. */
  async #ask(question: Question, digest?: string): Promise<'present' | 'absent'> {
    const { activities, about, entry, learn } = this.#run
    const { image, generation } = question
    const what = digest === undefined ? 'is there an image' : 'is the pushed image there:'
    const request = { ...about(), image, entry: entry(), ...(digest === undefined ? {} : { digest }) }
    const answer = await activities.asking.checkImage.executeWithOptions({ summary: `${what} ${image}` }, [
      request,
    ])
    learn((memory) => ({ ...memory, answer: { image, generation, ...answer } }))
    return answer.kind
  }

  async #build(step: BuildStep): Promise<void> {
    const { activities, about, hear, entry, learn } = this.#run
    const { image, inputHash, attempt } = step
    // What came of the builds before this one stands in status, if it still counts.
    learn(({ failure: _failure, interruption: _interruption, ...memory }) => ({
      ...memory,
      making: { inputHash, attempt },
    }))
    const summary = `create build pod, attempt ${attempt}, inputs ${inputHash.slice(0, 8)}`
    const request = { ...about(), image, inputHash, attempt, entry: entry() }
    const start = await activities.asking.createBuildPod.executeWithOptions({ summary }, [request])
    if (start.kind === 'obsolete') return learn(({ answer: _answer, ...memory }) => memory)
    if (start.kind === 'present') {
      const { generation } = step
      return learn((memory) => ({ ...memory, answer: { image, generation, ...start } }))
    }
    hear(start.seen)
    await this.#follow(step, start.pod, { inputHash, attempt })
  }

  async #follow(
    question: Question,
    pod: PodRef,
    build: { inputHash: string; attempt: number },
  ): Promise<void> {
    const { activities, about, learn, entry } = this.#run
    const summary = `build ${question.image} in pod ${pod.name}`
    const request = { ...about(), pod, image: question.image, entry: entry() }
    const outcome = await activities.following.followBuildPod.executeWithOptions({ summary }, [request])
    const at = new Date().toISOString()
    if (outcome.kind !== 'gone') this.#log = { pod: pod.name, log: outcome.log }
    // Whatever the registry said before this build is of no value after it.
    learn(({ answer: _answer, making: _making, ...memory }) => memory)
    const answer = outcome.kind === 'succeeded' ? await this.#ask(question, outcome.digest) : 'absent'
    if (answer === 'present') return
    const learnt = learnFromEnd({ image: question.image, ...build, pod }, outcome, at)
    learn(({ answer: _answer, ...memory }) => ({ ...memory, ...learnt }))
  }

  async #look(hold: Hold, look: Exclude<Hold['look'], { kind: 'nothing' }>): Promise<void> {
    const { activities, about, learn } = this.#run
    const { image } = look
    const pod = look.pod === undefined ? undefined : this.#podRef(look.pod)
    const request = { ...about(), image, pod, ...(look.made === undefined ? {} : { made: look.made }) }
    const summary = `hold: look at ${look.pod === undefined ? image : `pod ${look.pod.name}`} now and then`
    const news = await activities.asking.watchHold.executeWithOptions({ summary }, [request])
    switch (news.kind) {
      case 'podGone':
        return learn(({ answer: _answer, ...memory }) => memory)
      case 'secretChanged':
        return this.#release(hold.releases)
      case 'imagePresent': {
        const generation = this.#run.entry()?.imageGeneration ?? null
        const answer = { ...news, kind: 'present', image, generation } as const
        return learn((memory) => ({ ...memory, answer }))
      }
    }
  }

  #release(keys: readonly string[]): void {
    this.#run.learn((memory) => ({ ...memory, released: [...memory.released, ...keys] }))
  }

  #removal(pod: { readonly name: string; readonly uid: string; readonly image: string }) {
    return { pod: this.#podRef(pod), image: pod.image }
  }

  #podRef(pod: { readonly name: string; readonly uid: string }): PodRef {
    return { namespace: this.#run.about().subject.ref.namespace, name: pod.name, uid: pod.uid }
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

/** What the Temporal UI shows for a step. */
function describeStep(step: Step): string {
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
      return `remove build pod ${step.pod.name}: ${step.why}`
    case 'pause':
      return `${step.reason}: build again, ${step.rerun} of ${maxReruns}, after a pause`
    case 'collect':
      return `collect build pod ${step.pod.name}`
    case 'node':
      return `${step.work.action === 'Leave' ? 'Give up' : step.work.action} on node ${step.work.node}`
  }
}
