import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import type { HoldRef, Seen } from '../../activities/contract.ts'
import type { KernelView } from '../../api/kernelView.ts'
import type { KernelStatus } from '../../api/module.ts'
import { remedyOf } from '../../api/remedies.ts'
import { searchAttributes } from '../searchAttributes.ts'
import { buildLog, doorbell, retry, retryBuild, state, timeline } from '../messages.ts'
import type { RetryRequest } from '../messages.ts'
import { isLong, isTooLong } from '../longHistory.ts'
import { activitiesOn } from '../options.ts'
import { mergeSeen } from '../seen.ts'
import { decideKernel } from './decide.ts'
import { describeDetails } from './details.ts'
import { describeEntry, sameButNodes, sameEntry, type RunIdentity } from './describe.ts'
import type { KernelRunInput } from './input.ts'
import { Operations } from './operations.ts'
import { holdChanges, releasesOf, withoutAnswers, type KernelMemory, type KernelPlan } from './plan.ts'
import { Timeline } from './timeline.ts'
import { isUnverified, unverifiedPauseMs } from './unverified.ts'
import { WritePace } from './writePace.ts'

/**
 * One run for one (Module, kernel): reads the truth, does what is missing, completes when nothing is left to do.
 *
 * A single loop: read -> decide (pure) -> say it -> start and cancel operations -> wait for a bell. Operations
 * (check, build, load ...) go on side by side and ring the bell when they end, so image, nodes and clean-up never
 * wait for each other. Nothing is remembered that the cluster can tell.
 */
export async function moduleKernel(input: KernelRunInput): Promise<void> {
  const { subject } = input
  const info = workflowInfo()
  const identity = (): RunIdentity => ({
    ...subject.ref,
    kernel: subject.kernel,
    workflowId: info.workflowId,
    runId: info.runId,
    now: new Date().toISOString(),
  })
  let bells = 0
  let rung = false
  let seen = input.seen
  let memory: KernelMemory = { released: input.released ?? [], refused: {} }
  let plan: KernelPlan = { steps: [], holds: [] }
  let entry: KernelStatus | undefined
  /** Holds that stand in status: those that an earlier run has told of, too. */
  let told: readonly HoldRef[] | undefined
  /** How long news of nodes alone still has to wait, in milliseconds. */
  let owed = 0
  const pace = new WritePace(input.quietMs)
  let said: { phase: string | undefined; held: boolean } | undefined

  const ring = () => void bells++
  const hear = (news: Seen) => void (seen = mergeSeen(seen, news))
  const activities = activitiesOn(input.watchQueue)
  const about = () => ({ subject, seen })
  const story = new Timeline(() => Date.now(), input.timeline)
  const operations = new Operations(
    {
      about,
      activities,
      rerunPauseMs: input.rerunPauseMs,
      ring,
      hear,
      entry: () => entry,
      retries: () => retries,
      learn: (change) => void (memory = change(memory)),
      timeline: story,
    },
    input.log,
  )

  /** A retry that came before the run knew whether anything is held; whatever comes later is never kept. */
  let early: string | undefined
  let looked = false
  let retries = 0
  const release = (by: string): string[] => {
    const released = releasesOf(plan)
    if (released.length === 0) return released
    retries++
    story.retry(by, plan.holds)
    const refused = Object.fromEntries(
      Object.entries(memory.refused).filter(([key]) => !released.includes(key)),
    )
    // The registry is asked anew as well: the image may be there, or another, by now.
    memory = { ...withoutAnswers(memory), refused, released: [...memory.released, ...released] }
    ring()
    return released
  }
  setHandler(doorbell, (news) => {
    for (const { kind, resourceVersion } of news.changes) hear({ [kind]: resourceVersion })
    rung = true
    ring()
  })
  const hearRetry = (request?: RetryRequest) => {
    const by = askedBy(request, 'the signal retryBuild')
    if (looked) release(by)
    else early = by
  }
  setHandler(retryBuild, hearRetry, {
    description: 'Restart what is held: the failed build, or the failed load on nodes.',
  })
  const answerRetry = (request: RetryRequest) => ({ released: release(askedBy(request, 'the update retry')) })
  setHandler(retry, answerRetry, {
    description: 'The same as the signal retryBuild, with an answer.',
    validator: (_request: RetryRequest) => {
      if (releasesOf(plan).length > 0) return
      throw ApplicationFailure.nonRetryable('Nothing is held: there is nothing to retry.', 'NothingHeld')
    },
  })
  setHandler(state, () => ({ status: entry, held: plan.holds, working: operations.describe() }))
  setHandler(buildLog, () => operations.lastLog())
  setHandler(timeline, () => story.answer())

  /** Search attributes, when they change, and the run's page. */
  const show = (view: KernelView): void => {
    const held = plan.holds.length > 0 || (entry && remedyOf(subject.ref, entry)) !== undefined
    if (said?.phase !== entry?.phase || said?.held !== held) {
      said = { phase: entry?.phase, held }
      upsertSearchAttributes([
        { key: searchAttributes.phase, value: entry?.phase ?? 'Done' },
        { key: searchAttributes.held, value: held },
      ])
    }
    setCurrentDetails(describeDetails(identity(), view, entry, plan))
  }

  /** Tells everybody what goes on: status, search attributes and the run's page, each only when it changes. */
  const say = async (view: KernelView): Promise<void> => {
    entry = describeEntry(identity(), view, memory, plan)
    show(view)
    owed = 0
    if (view.module === 'gone') return
    if (sameEntry(entry, view.stored)) {
      told ??= plan.holds
      // Status leads to the run that goes on; one that finds nothing to do leaves it alone.
      const goesOn = plan.steps.length + plan.holds.length > 0
      if (!goesOn || entry?.runId === view.stored?.runId) return
    }
    const { begun, ended } = holdChanges(told ?? [], plan.holds)
    if (begun.length + ended.length === 0 && sameButNodes(entry, view.stored)) {
      const more = plan.steps.some(({ kind }) => kind === 'node')
      owed = pace.owed(more ? 'more is to come' : 'last word', Date.now())
      if (owed > 0) return
    }
    pace.written(Date.now())
    // Nodes work towards the digest in status: once it is written, there is more to read.
    if (entry?.digest !== view.stored?.digest) ring()
    const summary =
      entry === undefined ? 'status: forget this kernel' : `status: ${entry.phase} ${entry.reason ?? ''}`
    const holds = { begun, ended: ended.map((held) => ({ ...held, by: story.releaseOf(held.key) })) }
    const request = { ...about(), entry, holds }
    const toldBefore = told
    told = plan.holds
    try {
      hear((await activities.short.reportKernel.executeWithOptions({ summary }, [request])).seen)
    } catch (error) {
      if (!isUnverified(error)) throw error
      // The tag has moved since it was asked for, and nothing was written.
      entry = view.stored
      told = toldBefore
      memory = withoutAnswers(memory)
      ring()
      await sleep(unverifiedPauseMs, { summary: 'the digest is another by now: ask again' })
    }
  }

  /** Until the next bell, or until what is owed may be written. */
  const listen = async (heard: number): Promise<void> => {
    const summary = 'pause between two writes of what nodes came to'
    if (owed > 0) await condition(() => bells > heard, owed, { summary })
    else await condition(() => bells > heard)
  }

  /** In a new history. What is in flight ends, or is found again there. */
  const goOn = async (): Promise<never> => {
    await operations.cancelAll()
    await condition(allHandlersFinished)
    const log = operations.lastLog()
    const released = memory.released.slice(-keptReleases)
    const kept = { timeline: story.carry(), ...(log && { log }), ...(released.length > 0 && { released }) }
    return await continueAsNew<typeof moduleKernel>({ ...input, seen, ...kept })
  }

  const loop = async (): Promise<void> => {
    for (;;) {
      const heard = bells
      operations.beginRound()
      const read = { summary: 'read what is wanted and what is there' }
      const { uid, view } = await activities.short.readKernel.executeWithOptions(read, [about()])
      if (uid !== undefined && uid !== subject.uid) {
        await operations.cancelAll()
        await condition(allHandlersFinished)
        const { log: _log, timeline: _timeline, released: _released, ...rest } = input
        return await continueAsNew<typeof moduleKernel>({ ...rest, subject: { ...subject, uid }, seen })
      }
      plan = decideKernel(view, memory)
      looked = true
      if (early !== undefined) {
        story.hold(plan.holds, view.pods)
        release(early)
        early = undefined
        plan = decideKernel(view, memory)
      }
      story.hold(plan.holds, view.pods)
      operations.cancelOthers(plan)
      if (rung) operations.lookAgain()
      rung = false
      await say(view)
      memory = forgetWritten(memory, entry)
      if (isTooLong()) await goOn()
      operations.start(plan, view.nodes.maxParallel)
      if (operations.busy() || owed > 0) {
        await listen(heard)
      } else if (plan.holds.length > 0 || operations.pauses()) {
        if (isLong()) await goOn()
        await listen(heard)
      } else if (bells === heard) {
        const summary = 'nothing left to do: listen a moment, then complete'
        if (!(await condition(() => bells > heard, input.quietMs, { summary }))) return
      }
    }
  }

  try {
    await loop()
    await condition(allHandlersFinished)
  } catch (error) {
    if (!isCancellation(error)) throw error
    await CancellationScope.nonCancellable(async () => {
      const stopped = await operations.cancelByUser()
      if (stopped === undefined) return
      plan = { steps: [], holds: [] }
      entry = stopped.cancelled
      show(stopped.view)
    })
    throw error
  }
}

/** So much of what people released is carried into a new history. */
const keptReleases = 1_000

/** Whatever a person has typed in the Temporal UI must not break the run. */
function askedBy(request: RetryRequest | undefined, way: string): string {
  return typeof request?.reason === 'string' ? request.reason : way
}

/** Status counts interruptions: once one is written there, this run need not know of it. */
function forgetWritten(memory: KernelMemory, entry: KernelStatus | undefined): KernelMemory {
  const { interruption, ...rest } = memory
  const written = entry?.interruptions?.some(({ attempt }) => attempt === interruption?.attempt) ?? false
  return written ? rest : memory
}
