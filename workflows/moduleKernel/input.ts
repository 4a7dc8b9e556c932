import type { KernelSubject, Seen } from '../../activities/contract.ts'
import type { KeptLog, KeptTimeline } from '../messages.ts'

/** What a kernel run is started with, or goes on with. */
export interface KernelRunInput {
  readonly subject: KernelSubject
  /** Queue of the activities that follow pods. */
  readonly watchQueue: string
  /**
   * How long a run with nothing left to do listens for a doorbell before it completes, and the least time between two
   * writes of node counts, in milliseconds.
   */
  readonly quietMs: number
  /** Pause before a build that the cluster ended is made again the first time, in milliseconds; later ones grow. */
  readonly rerunPauseMs: number
  readonly seen: Seen
  /**
   * Of the last build, carried over when a long history is continued: a run may hold longer than Temporal keeps the
   * part that has the log as its activity's result.
   */
  readonly log?: KeptLog
  /** Of the part that is continued. */
  readonly timeline?: KeptTimeline
  /** What people released in the part that is continued (`Hold.releases`). */
  readonly released?: readonly string[]
}
