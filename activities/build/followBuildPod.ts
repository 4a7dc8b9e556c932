import { Context } from '@temporalio/activity'
import type { PodFacts } from '../../api/facts.ts'
import type { BuildOutcome, FollowRequest, PodRef } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { heartbeating } from '../heartbeat.ts'
import { sayWhy, waitSaying, type Why } from '../waitSaying.ts'
import { pods, secrets } from '../kube/resources.ts'
import { buildContainer } from './buildPod.ts'
import { buildOutcome } from './buildOutcome.ts'
import { LogTail } from './logTail.ts'
import { withFix } from './waitingFix.ts'
import { masker, secretValues } from './mask.ts'

/** A build pod that has not started so long after it was last heard of is said to be stuck. */
const startPatienceMs = 60_000

/**
 * Waits for the end of a build pod and keeps the end of its log, secrets masked. Heartbeats the pod's phase and
 * the last log line, which the Temporal UI shows. A pod that is gone, or was replaced, is `gone`.
 */
export async function followBuildPod(deps: Dependencies, request: FollowRequest): Promise<BuildOutcome> {
  const { pod, subject, entry } = request
  const signal = Context.current().cancellationSignal
  const { heartbeat } = Context.current()
  const log = new LogTail(await maskFor(deps, pod))
  let phase = 'Pending'
  return await heartbeating(
    () => heartbeat({ pod: pod.name, phase, log: log.last }),
    async () => {
      for (;;) {
        const say = (why: Why | undefined) => sayWhy(deps, subject, entry, why && withFix(why))
        const started = (p: PodFacts | undefined) => isOther(p, pod) || p?.state.kind !== 'pending'
        const facts = await waitSaying(deps, pod, started, say, signal, startPatienceMs)
        if (isOther(facts, pod) || facts === undefined) return { kind: 'gone' }
        phase = facts.state.kind
        await readLog(deps, pod, log, signal)
        const ended = await deps.cache.waitForPod(pod, (p) => isOther(p, pod) || isEnded(p), signal)
        if (isOther(ended, pod) || ended === undefined) return { kind: 'gone' }
        const { state } = ended
        if (state.kind === 'succeeded' || state.kind === 'failed') return buildOutcome(pod.name, state, log)
      }
    },
  )
}

function isOther(facts: PodFacts | undefined, pod: PodRef): boolean {
  return facts?.uid !== pod.uid
}

function isEnded(facts: PodFacts | undefined): boolean {
  return facts?.state.kind === 'succeeded' || facts?.state.kind === 'failed'
}

/** A log that breaks off is no reason to lose the build: the end of the pod tells the outcome. */
async function readLog(deps: Dependencies, pod: PodRef, log: LogTail, signal: AbortSignal): Promise<void> {
  try {
    for await (const line of deps.kube.followPodLog(pod, { container: buildContainer, signal })) log.add(line)
  } catch (error) {
    signal.throwIfAborted()
    log.add(`(the log broke off: ${error instanceof Error ? error.message : String(error)})`)
  }
}

/** Masks the values of every Secret that is mounted in the pod. */
async function maskFor(deps: Dependencies, pod: PodRef): Promise<(line: string) => string> {
  const object = await deps.kube.get(pods, pod)
  const names = (object?.spec?.volumes ?? []).flatMap((v) => v.secret?.secretName ?? [])
  const values: string[] = []
  for (const name of new Set(names)) {
    const secret = await deps.kube.get(secrets, { namespace: pod.namespace, name })
    values.push(...secretValues(secret?.data ?? {}))
  }
  return masker(values)
}
