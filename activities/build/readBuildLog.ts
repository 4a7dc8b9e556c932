import { setTimeout as sleep } from 'node:timers/promises'
import type { PodRef } from '../contract.ts'
import type { Kube } from '../kube/kube.ts'
import type { LogTail } from './logTail.ts'
import type { SecretMask } from './secretMask.ts'

export interface Reading {
  readonly kube: Pick<Kube, 'followPodLog'>
  readonly pod: PodRef
  /** Whose logs they are, in the order in which they run. */
  readonly containers: readonly string[]
  readonly log: LogTail
  readonly mask: Pick<SecretMask, 'renew'>
  /** Settles when the pod has ended, or is followed no more. */
  readonly ending: Promise<unknown>
  readonly signal: AbortSignal
  readonly pace?: Pace
}

/** In milliseconds. */
interface Pace {
  /** How long after the end of a log its pod may be said to have ended: later, the log had broken off. */
  readonly lag: number
  /** How long that is waited for before the log is read again. */
  readonly again: number
}

const usualPace: Pace = { lag: 2_000, again: 10_000 }

/**
 * Reads the log of a pod that builds or signs to its end, secrets masked. A log that breaks off (the kubelet or the API
 * server was started anew) is no reason to lose the build, nor its last words: it is read again from its beginning.
 */
export async function readBuildLog(reading: Reading): Promise<void> {
  const { ending, signal, pace = usualPace } = reading
  for (;;) {
    const whole = await readOnce(reading)
    if (signal.aborted) return
    const since = performance.now()
    const ended = ending.then(
      () => true,
      () => true,
    )
    if (!(await Promise.race([ended, sleep(pace.again, false)]))) continue
    if (!whole || performance.now() - since > pace.lag) await readOnce(reading)
    return
  }
}

/** False when it broke off; what was read before stays until something comes in its place. */
async function readOnce({ kube, pod, containers, log, mask, signal }: Reading): Promise<boolean> {
  let begun = false
  try {
    await mask.renew(log)
    for (const container of containers) {
      for await (const line of kube.followPodLog(pod, { container, signal })) {
        if (!begun) log.clear()
        begun = true
        log.add(line)
      }
    }
    return true
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const said = `(the log broke off: ${why.slice(0, 100)})`
    // A node that does not answer breaks off every time.
    if (!signal.aborted && log.last !== said) log.add(said)
    return false
  }
}
