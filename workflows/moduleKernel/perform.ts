import { summaryText } from '../../api/text/markdown.ts'
import { condition, sleep } from '@temporalio/workflow'
import type { KernelRequest, PodRef, Seen } from '../../activities/contract.ts'
import type { BuildPodView, KernelView } from '../../api/kernelView.ts'
import type { KernelStatus } from '../../api/module.ts'
import { hasFailedMaking, isMakingImage } from '../../api/kernelPhase.ts'
import type { KeptLog } from '../messages.ts'
import type { activitiesOn } from '../options.ts'
import { learnFromEnd, pauseBefore } from './buildEnds.ts'
import { sourceOf } from './known.ts'
import { describeStep, podWords } from './describeStep.ts'
import {
  questionOf,
  withAnswer,
  withoutAnswer,
  withoutAnswers,
  type Hold,
  type KernelMemory,
  type Question,
  type Step,
} from './plan.ts'
import { podIsGone, type Timeline } from './timeline.ts'

/** What the work of a run needs of it. */
export interface Run {
  /** What every request says of the run. */
  readonly about: () => KernelRequest
  readonly activities: ReturnType<typeof activitiesOn>
  /** Pause before a build that the cluster ended is made again the first time, in milliseconds. */
  readonly rerunPauseMs: number
  readonly ring: () => void
  readonly hear: (news: Seen) => void
  readonly entry: () => KernelStatus | undefined
  /** How often people have released holds of this run. */
  readonly retries: () => number
  readonly learn: (change: (memory: KernelMemory) => KernelMemory) => void
  readonly timeline: Timeline
}

/** Pause after a command that came too late for its node. */
const obsoletePauseMs = 2_000

type BuildStep = Extract<Step, { kind: 'build' }>

/** What each kind of step does: activities and timers, and what the run learns from them. */
export class Performer {
  readonly #run: Run
  #log: KeptLog | undefined

  /** `log`: of the last build, when an earlier part of the run has seen it. */
  constructor(run: Run, log?: KeptLog) {
    this.#run = run
    this.#log = log
  }

  lastLog(): KeptLog | undefined {
    return this.#log
  }

  /** Does one step; its end is the end of the operation. Says what came of it, for the timeline. */
  async perform(step: Step): Promise<string> {
    const { activities, about, hear, entry } = this.#run
    const summary = describeStep(step)
    switch (step.kind) {
      case 'check':
        return await this.#ask(step)
      case 'build':
        return await this.#build(step)
      case 'follow':
        return await this.#follow(step, this.#podRef(step.pod), step.pod)
      case 'await':
        // What the registry said before is of no value afterwards.
        this.#run.learn(withoutAnswers)
        await condition(() => false)
        return 'done'
      case 'remove':
        await activities.following.removeBuildPod.executeWithOptions({ summary }, [
          {
            ...this.#removal(step.pod),
            ...this.#stopped(step),
            ...(step.cause === 'forced' && { atOnce: true }),
          },
        ])
        return 'done'
      case 'pause': {
        const pause = pauseBefore(step.rerun, this.#run.rerunPauseMs)
        const delay = Date.parse(step.since) + pause - Date.now()
        if (delay > 0) await sleep(delay, { summary: summaryText(summary) })
        this.#release([step.key])
        return 'done'
      }
      case 'collect': {
        const delay = Date.parse(step.at) - Date.now()
        if (delay > 0) await sleep(delay, { summary: summaryText(`job.gcDelay: keep ${podWords(step.pod)}`) })
        await activities.following.removeBuildPod.executeWithOptions({ summary }, [this.#removal(step.pod)])
        return 'done'
      }
      case 'node': {
        const { work } = step
        const retries = this.#run.retries()
        const request = { ...about(), work, entry: entry(), ...(retries > 0 && { retries }) }
        const outcome = await activities.following.workOnNode.executeWithOptions({ summary }, [request])
        hear(outcome.seen)
        // The cache of nodes may be a moment behind the node itself: the same command would be obsolete again.
        if (outcome.kind === 'obsolete')
          await sleep(obsoletePauseMs, { summary: summaryText(`${work.node} changed: look again`) })
        return outcome.kind === 'done' ? 'done' : `${outcome.kind}: ${outcome.message}`
      }
    }
  }

  /**
   * The end of a run that a person cancelled: the build stops, and status says so with its input hash. Resolves with
   * what was seen and said; undefined when there was no build to stop.
   */
  async stopBuild(): Promise<{ view: KernelView; cancelled: KernelStatus } | undefined> {
    const { activities, about, entry } = this.#run
    const last = entry()
    if (last === undefined) return undefined
    const { phase } = last
    if (phase !== 'CheckingImage' && !isMakingImage(phase) && !hasFailedMaking(phase)) return undefined
    const { view } = await activities.short.readKernel.executeWithOptions(
      { summary: 'look for pods to stop' },
      [about()],
    )
    // A rebuild is given up with it: the image that is there will do.
    const { rebuild, interruptions: _interruptions, ...kept } = last
    const ended = ({ attempt, state }: BuildPodView) =>
      state !== 'lost' && rebuild !== undefined && attempt >= rebuild.from
    for (const pod of view.pods.filter((p) => p.state === 'active' || ended(p))) {
      const summary = `cancelled: stop ${podWords(pod)}`
      const stopped = pod.state === 'active' && {
        stopped: { subject: about().subject, why: 'cancelled' as const },
      }
      await activities.following.removeBuildPod.executeWithOptions({ summary }, [
        { ...this.#removal(pod), ...stopped },
      ])
    }
    const message = 'The run was cancelled. Changed inputs or a retry start it again.'
    const inputHash =
      view.wish.kind === 'wanted' && view.wish.build.kind === 'ready' ? view.wish.build.inputHash : ''
    const cancelled: KernelStatus = { ...kept, inputHash, phase: 'Cancelled', reason: 'Cancelled', message }
    await activities.short.reportKernel.executeWithOptions({ summary: 'status: Cancelled' }, [
      { ...about(), entry: cancelled },
    ])
    return { view, cancelled }
  }

  /** `digest`: of the image that a build has just pushed. */
  async #ask(question: Question, digest?: string): Promise<'present' | 'absent'> {
    const { activities, about, entry, learn } = this.#run
    const { image } = question
    const what = digest === undefined ? 'is there an image' : 'is the pushed image there:'
    const request = { ...about(), image, entry: entry(), ...(digest === undefined ? {} : { digest }) }
    const answer = await activities.asking.checkImage.executeWithOptions({ summary: `${what} ${image}` }, [
      request,
    ])
    learn((memory) => withAnswer(memory, { ...questionOf(question, question), ...answer }))
    return answer.kind
  }

  async #build(step: BuildStep): Promise<string> {
    const { activities, about, hear, entry, learn } = this.#run
    const { image, inputHash, attempt, unsigned } = step
    const source = unsigned && sourceOf(unsigned)
    // What came of the builds before this one stands in status, if it still counts.
    learn(({ failure: _failure, interruption: _interruption, ...memory }) => ({
      ...memory,
      making: { inputHash, attempt },
    }))
    const summary = `create ${source === undefined ? 'build' : 'sign'} pod, attempt ${attempt}, inputs ${inputHash.slice(0, 8)}`
    const rebuild = step.rebuildFrom === undefined ? {} : { rebuild: true as const }
    const request = {
      ...about(),
      image,
      inputHash,
      attempt,
      entry: entry(),
      ...rebuild,
      ...(source && { source }),
    }
    const start = await activities.asking.createBuildPod.executeWithOptions({ summary }, [request])
    if (start.kind === 'obsolete') {
      learn(withoutAnswers)
      return `obsolete: ${start.why}`
    }
    if (start.kind === 'sourceGone') {
      const question = unsigned ?? step
      learn(({ making: _making, ...memory }) =>
        withAnswer(memory, { ...questionOf(question, question), kind: 'absent' }),
      )
      return 'absent: what was to be signed is not there any more'
    }
    if (start.kind === 'present') {
      learn((memory) => withAnswer(memory, { ...questionOf(step, step), ...start }))
      return 'present: it was built elsewhere meanwhile'
    }
    const { seen, mayPush: shown } = start
    const last = entry()
    hear(seen)
    const build = { inputHash, attempt, ...(source && { source }) }
    if (shown === undefined || last?.image === undefined) return await this.#follow(step, start.pod, build)
    // It stands in status already, and is to stay there when the build says what it waits for.
    const { image: wanted, mayPush: _before, ...rest } = last
    learn((memory) => ({ ...memory, push: { image: wanted, shown } }))
    const now = { ...rest, image: wanted, ...(shown && { mayPush: true }) }
    return await this.#follow(step, start.pod, build, now)
  }

  async #follow(
    question: Question,
    pod: PodRef,
    build: { readonly inputHash: string; readonly attempt: number; readonly source?: string },
    known = this.#run.entry(),
  ): Promise<string> {
    const { activities, about, learn, entry } = this.#run
    const summary = `${build.source === undefined ? 'build' : 'sign'} ${question.image} in pod ${pod.name}`
    const request = { ...about(), pod, image: question.image, entry: known }
    const outcome = await activities.following.followBuildPod.executeWithOptions({ summary }, [request])
    const at = new Date().toISOString()
    if (outcome.kind !== 'gone') this.#log = { pod: pod.name, log: outcome.log }
    // Whatever the registry said before this build is of no value after it, nor what it said of an image that was signed:
    // the next pod signs what stands under its name then.
    learn(({ making: _making, ...memory }) =>
      build.source === undefined ? withoutAnswer(memory, question.image) : withoutAnswers(memory),
    )
    const pushed = outcome.kind === 'succeeded' ? { digest: outcome.digest } : undefined
    // Under the tag of an image that is to be signed may stand anybody's: only its build says what it has pushed.
    const mayAsk = pushed?.digest !== undefined || question.image === entry()?.image
    const answer = pushed !== undefined && mayAsk ? await this.#ask(question, pushed.digest) : 'absent'
    if (answer === 'present') return 'succeeded'
    const learnt = learnFromEnd({ image: question.image, ...build, pod }, outcome, at)
    learn((memory) => ({ ...withoutAnswer(memory, question.image), ...learnt }))
    const reason = learnt.failure?.reason ?? learnt.interruption?.reason ?? 'nobody saw its end'
    return `${outcome.kind === 'succeeded' ? 'failed' : outcome.kind}: ${reason}`
  }

  /** Looks at a hold until it has ended by itself. */
  async look(hold: Hold, look: Exclude<Hold['look'], { kind: 'nothing' }>): Promise<void> {
    const { activities, about, learn, timeline } = this.#run
    const { image, secrets, made, rebuild } = look
    const pod = look.pod === undefined ? undefined : this.#podRef(look.pod)
    const known = { ...(secrets && { secrets }), ...(made && { made }), ...(rebuild && { rebuild }) }
    const request = { ...about(), image, pod, ...known }
    const summary = `hold: look at ${look.pod === undefined ? image : `pod ${look.pod.name}`} now and then`
    const news = await activities.asking.watchHold.executeWithOptions({ summary }, [request])
    switch (news.kind) {
      case 'podGone':
        timeline.release(hold.key, podIsGone(pod?.name ?? ''))
        return learn(withoutAnswers)
      case 'secretChanged':
        timeline.release(hold.key, `Secret ${news.secret} has changed`)
        return this.#release(hold.releases)
      case 'imagePresent': {
        timeline.release(hold.key, 'the image is there')
        const { imageGeneration: generation = null, rebuild: taken } = this.#run.entry() ?? {}
        const question = questionOf(
          { image, generation },
          { rebuildFrom: taken?.done ? undefined : taken?.from },
        )
        return learn((memory) => withAnswer(memory, { ...news, ...question, kind: 'present' }))
      }
    }
  }

  #release(keys: readonly string[]): void {
    this.#run.learn((memory) => ({ ...memory, released: [...memory.released, ...keys] }))
  }

  /** A failed build has told of its end, and one that is made again tells of that. */
  #stopped({ cause, pod }: Extract<Step, { kind: 'remove' }>) {
    const { subject } = this.#run.about()
    if (cause === 'superseded') return { stopped: { subject, why: cause } }
    const stops = pod.state === 'active' && (cause === 'notNeeded' || cause === 'moduleDeleted')
    return stops ? { stopped: { subject, why: cause } } : {}
  }

  #removal(pod: BuildPodView) {
    return { pod: this.#podRef(pod), image: pod.image, ...(pod.source && { signs: true as const }) }
  }

  #podRef(pod: { readonly name: string; readonly uid: string }): PodRef {
    return { namespace: this.#run.about().subject.ref.namespace, name: pod.name, uid: pod.uid }
  }
}
