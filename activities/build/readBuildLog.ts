import { setTimeout as sleep } from 'node:timers/promises'
import type { PodRef } from '../contract.ts'
import type { Kube } from '../kube/kube.ts'
import { costOf, logRate } from './logRate.ts'
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
  /** Bytes of the log that are read as they come. */
  readonly most?: number
}

/** In milliseconds. */
interface Pace {
  /** How long after the end of a log its pod may be said to have ended: later, the log had broken off. */
  readonly lag: number
  /** How long that is waited for before the log is read again. */
  readonly again: number
  /** How long after the end of its pod a log is read that was written faster than it is read. */
  readonly behind: number
}

const usualPace: Pace = { lag: 2_000, again: 10_000, behind: 4_000 }
/** Bytes of a log that are read as they come. */
const mostLogBytes = 256 * 1024 * 1024

/**
 * Reads the log of a pod that builds or signs to its end, secrets masked. A log that breaks off (the kubelet or the API
 * server was started anew) is no reason to lose the build, nor its last words: it is read again from its beginning. Of
 * one that is longer, or is written faster, than is read, the end is read when the pod has ended.
 */
export async function readBuildLog(reading: Reading): Promise<void> {
  const { ending, signal, pace = usualPace } = reading
  let endedAt: number | undefined
  const ended = ending.then(
    () => true,
    () => true,
  )
  void ended.then(() => (endedAt = performance.now()))
  const whole: Part = {
    most: reading.most ?? mostLogBytes,
    isOver: () => endedAt !== undefined && performance.now() - endedAt > pace.behind,
  }
  for (;;) {
    const read = await readOnce(reading, whole)
    if (signal.aborted) return
    const since = performance.now()
    if (read === 'tooLong') {
      await ended
      if (!signal.aborted) await readOnce(reading, end)
      return
    }
    if (!(await Promise.race([ended, sleep(pace.again, false)]))) continue
    if (read === 'brokenOff' || performance.now() - since > pace.lag) await readOnce(reading, whole)
    return
  }
}

/** How much of a log is read. */
interface Part {
  readonly tailLines?: number
  readonly most: number
  readonly isOver: () => boolean
  /** Stands before it. */
  readonly heading?: string
}

const end: Part = {
  tailLines: 1000,
  most: 32 * 1024 * 1024,
  isOver: () => false,
  heading: '(the log is too long to be read whole: this is its end)',
}

/** What was read before stays until something comes in its place. */
async function readOnce(reading: Reading, part: Part): Promise<'whole' | 'brokenOff' | 'tooLong'> {
  const { kube, pod, containers, log, mask, signal } = reading
  const { tailLines, heading } = part
  let begun = false
  let left = part.most
  try {
    await mask.renew(log)
    for (const container of containers) {
      const selection = { container, signal, ...(tailLines === undefined ? {} : { tailLines }) }
      for await (const pieces of kube.followPodLog(pod, selection)) {
        const cost = costOf(pieces)
        await logRate.take(cost, signal)
        if (!begun) log.clear()
        if (!begun && heading !== undefined) log.add(heading)
        begun = true
        for (const { text, ends } of pieces) log.add(text, ends)
        left -= cost
        if (left < 0 || part.isOver()) return 'tooLong'
      }
    }
    return 'whole'
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const said = `(the log broke off: ${why.slice(0, 100)})`
    // A node that does not answer breaks off every time.
    if (!signal.aborted && (begun || log.last !== said)) log.addAside(said)
    return 'brokenOff'
  }
}
