import { setTimeout as sleep } from 'node:timers/promises'
import { Context } from '@temporalio/activity'
import type { PodFacts } from '../../api/facts.ts'
import { labels } from '../../api/names.ts'
import { isLost } from '../../api/viewBuildPods.ts'
import type { BuildOutcome, BuildTraces, FollowRequest, NodeRef, PodRef } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import type { ImageStage, ModuleEvent } from '../events/moduleEvent.ts'
import { tell } from '../events/tell.ts'
import { heartbeating } from '../heartbeat.ts'
import { sayWhy, waitSaying, type Why } from '../waitSaying.ts'
import type { Pod } from '../kube/resources.ts'
import { buildOutcome, interruptedOutcome } from './buildOutcome.ts'
import { buildContainer } from './imagePod.ts'
import { isClaimedPod } from './claimedPod.ts'
import { LogTail } from './logTail.ts'
import { expectOwnBuildPod } from './ownBuildPod.ts'
import { signContainer } from '../sign/signPod.ts'
import { withFix } from './waitingFix.ts'
import { readBuildLog } from './readBuildLog.ts'
import { SecretMask } from './secretMask.ts'
import { secretVersionsOf } from './secretVersions.ts'

/** A build pod that has not started so long after it was last heard of is said to be stuck. */
const startPatienceMs = 60_000
/** How long the rest of a log is waited for when its pod has ended; that of a node that does not answer never comes. */
const logGraceMs = 10_000

/**
 * Waits for the end of a build pod and keeps the end of its log, secrets masked. Heartbeats the pod's phase and the
 * last log line, which the Temporal UI shows. The digest of one that was not made for the claim of this run is not
 * believed. A pod that is gone, or was replaced, is `gone`; one that the cluster
 * took away before its build had ended is `interrupted`, whether it failed, is gone, or is on a lost node.
 */
export async function followBuildPod(deps: Dependencies, request: FollowRequest): Promise<BuildOutcome> {
  const { pod, image, subject, entry } = request
  const signal = Context.current().cancellationSignal
  const { heartbeat } = Context.current()
  // The claim is given up at the end, and an attempt before this one may have come so far.
  const claimed = knewClaim() || (await isClaimedPod(deps, image, pod.uid))
  const object = await expectOwnBuildPod(deps, pod, subject.ref)
  const mask = new SecretMask(deps.kube, object)
  const log = new LogTail(mask.mask)
  // Both before the pod starts and after: somebody may change a Secret meanwhile.
  await mask.renew(log)
  const stage = stageOf(object?.metadata.labels ?? {})
  let phase = 'Pending'
  const ended = await heartbeating<BuildOutcome>(
    () => heartbeat({ pod: pod.name, phase, log: log.last, claimed } satisfies Heartbeat),
    async () => {
      const say = (why: Why | undefined) => sayWhy(deps, subject, entry, why && withFix(why, stage))
      const started = (p: PodFacts | undefined) =>
        isOther(p, pod) || p?.state.kind !== 'pending' || p.deleting
      const facts = await waitSaying(deps, pod, started, say, signal, startPatienceMs)
      if (facts === undefined || isOther(facts, pod)) return departedOutcome(deps, pod, log)
      phase = facts.state.kind
      const reading = new AbortController()
      const ending = waitForEnd(deps, facts, signal)
      const both = AbortSignal.any([signal, reading.signal])
      const containers = containersOf(facts)
      const read = readBuildLog({ kube: deps.kube, pod, containers, log, mask, ending, signal: both })
      try {
        const end = await ending
        await Promise.race([read, sleep(logGraceMs, undefined, { signal })])
        await mask.renew(log)
        return outcomeOf(end, log)
      } finally {
        reading.abort()
        await read.catch(() => undefined)
      }
    },
  )
  // What another pod says that it has pushed is no more than anybody's word.
  const outcome = ended.kind === 'succeeded' && !claimed ? { ...ended, digest: undefined } : ended
  if (outcome.kind !== 'gone') await tell(deps, subject, buildEnded(pod, image, outcome, stage, object))
  return outcome
}

interface Heartbeat {
  readonly pod: string
  readonly phase: string
  readonly log: string | undefined
  /** The pod was made for the claim of this run. */
  readonly claimed: boolean
}

function knewClaim(): boolean {
  const [details] = [Context.current().info.heartbeatDetails].flat() as (Partial<Heartbeat> | undefined)[]
  return details?.claimed === true
}

/** Of a pod that went before anybody followed it. Whoever deleted it, unless the cluster did, wants a new build. */
function departedOutcome({ cache }: Dependencies, { uid }: PodRef, log: LogTail): BuildOutcome {
  const interruption = cache.departedPod(uid)?.interruption
  return interruption === undefined ? { kind: 'gone' } : interruptedOutcome(interruption, {}, log)
}

function buildEnded(
  pod: PodRef,
  image: string,
  outcome: Exclude<BuildOutcome, { kind: 'gone' }>,
  stage: ImageStage,
  object: Pod | undefined,
): ModuleEvent {
  const { kind: result } = outcome
  const { reason, message } = result === 'succeeded' ? { reason: 'Completed', message: '' } : outcome
  const lines = result === 'failed' ? { errorLines: outcome.errorLines } : {}
  const created = object?.metadata.creationTimestamp
  const seconds = created === undefined ? {} : { seconds: (Date.now() - Date.parse(created)) / 1000 }
  return { kind: 'BuildEnded', stage, pod, image, result, reason, message, ...lines, ...seconds }
}

/** What a pod is for, as its labels say. */
function stageOf(its: Readonly<Record<string, string>>): ImageStage {
  return its[labels.resourceType] === 'SignImage' ? 'sign' : 'build'
}

/** Whose logs tell what a pod did; what failed before the executor began is the last that ran. */
function containersOf({ labels: its, state }: PodFacts): string[] {
  if (stageOf(its) === 'build') return [buildContainer]
  const failed = state.kind === 'failed' ? state.container : undefined
  return failed === undefined || failed === buildContainer ? [signContainer, buildContainer] : [failed]
}

/** How a pod stood when it was last seen, and whether it still is. */
interface End {
  readonly last: PodFacts
  readonly node: NodeRef | undefined
  readonly is: 'ended' | 'gone' | 'lost'
}

/**
 * Follows a pod until it has ended, is gone, or is lost with its node. A pod that is being deleted counts when it is
 * gone: what its container makes of the signal is no end of the build.
 */
async function waitForEnd(deps: Dependencies, first: PodFacts, signal: AbortSignal): Promise<End> {
  const { cache } = deps
  let last = first
  for (;;) {
    const node = cache.nodes().find(({ name }) => name === last.nodeName)
    const ref = node && { name: node.name, uid: node.uid }
    if (hasEnded(last)) return { last, node: ref, is: 'ended' }
    if (isLost(last, cache.nodes())) return { last, node: ref, is: 'lost' }
    const { uid, resourceVersion } = last
    const isNews = (p: PodFacts | undefined) => p?.uid !== uid || p.resourceVersion !== resourceVersion
    const next = await cache.waitForPod(last, isNews, signal)
    if (next?.uid !== uid) return { last, node: ref, is: 'gone' }
    last = next
  }
}

function hasEnded({ state, deleting, interruption }: PodFacts): boolean {
  if (state.kind === 'succeeded') return true
  return state.kind === 'failed' && (!deleting || interruption !== undefined)
}

/** A pod that went together with its Node went by no person's will. */
function outcomeOf({ last, node, is }: End, log: LogTail): BuildOutcome {
  const { state, interruption, nodeName } = last
  const secrets = secretVersionsOf(last)
  const traces: BuildTraces = { ...(node && { node }), ...(secrets && { secrets }) }
  if (interruption !== undefined) return interruptedOutcome(interruption, traces, log)
  if (is === 'lost' || (is === 'gone' && nodeName !== undefined && node === undefined)) {
    const message = `Node ${nodeName} is gone or does not answer.`
    return interruptedOutcome({ reason: 'NodeLost', message }, traces, log)
  }
  if (is === 'ended' && (state.kind === 'succeeded' || state.kind === 'failed')) {
    return buildOutcome(last.name, state, traces, log, stageOf(last.labels))
  }
  return { kind: 'gone' }
}

function isOther(facts: PodFacts | undefined, pod: PodRef): boolean {
  return facts?.uid !== pod.uid
}
