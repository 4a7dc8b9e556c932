import type { OperatorConfig } from '../api/config.ts'
import type { ViewSettings } from '../api/kernelView.ts'
import type { KernelSubject } from './contract.ts'
import type { ClusterCache } from './cluster/cache.ts'
import type { EventRecorder } from './events/eventRecorder.ts'
import type { EventSubject, ModuleEvent } from './events/moduleEvent.ts'
import type { Kube } from './kube/kube.ts'

/** Other runs, reached as people reach them. */
export interface Runs {
  /** Signals `retryBuild` to a kernel run; one that has ended is started again with it. `by`: what asks, in words. */
  retryKernel(subject: KernelSubject, by: string): Promise<void>
  /** Cancels a kernel run, as people do in the Temporal UI; nothing happens when it has ended. */
  cancelKernel(subject: KernelSubject): Promise<void>
}

/** What activities work with; made once per process by `worker/`, or by a test. */
export interface Dependencies {
  readonly kube: Kube
  readonly cache: ClusterCache
  readonly runs: Runs
  readonly config: OperatorConfig
  /** Name of the cluster, as it stands in workflow ids. */
  readonly cluster: string
  /** The operator's own, which has its Leases. */
  readonly namespace: string
  /** The image of worker pods: this operator's own. */
  readonly workerImage: string
  readonly events: EventRecorder
  /** Hears what happens to Modules; for the log and the metrics of the process. */
  readonly observe: (subject: EventSubject, event: ModuleEvent) => void
}

/** What the configuration says about views. */
export function viewSettings({ config }: Pick<Dependencies, 'config'>): ViewSettings {
  return { gcDelayMs: config.job.gcDelay, maxParallel: config.maxParallel }
}
