import type { KernelStatus, Module } from './module.ts'
import type { ModuleRef } from './names.ts'
import type { StoredModule, UnreadableModule } from './readModule.ts'
import type { NodeInfoField } from './nodeForm.ts'
import type { NodeModulesConfig } from './nodeModulesConfig.ts'

/** A taint as Kubernetes writes it. */
export interface Taint {
  readonly key: string
  readonly value?: string
  readonly effect: string
}

/** What we act on of a Node. `kernel` is the raw release, `bootId` changes with every boot. */
export interface NodeFacts {
  readonly name: string
  readonly uid: string
  readonly kernel: string
  readonly bootId: string
  readonly architecture: string
  readonly osImage: string
  /** Its kubelet reports a field that is not of its form: nothing of the report counts. */
  readonly invalid?: NodeInfoField
  readonly ready: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
}

/**
 * How a pod stands. `failed` carries what the pod or its first failed container says; `message` of an ended pod is
 * its termination message.
 */
export type PodState =
  | {
      readonly kind: 'pending'
      readonly reason?: string
      readonly message?: string
      /** One of its containers runs, before the last of them does. */
      readonly begun?: true
    }
  | { readonly kind: 'running' }
  | { readonly kind: 'succeeded'; readonly message: string; readonly finishedAt: string }
  | {
      readonly kind: 'failed'
      /** The pod's own reason when the cluster ended it: `Evicted`, `Preempting`, `NodeLost` ... */
      readonly podReason?: string
      /** What the pod itself says to that; never what a container wrote. */
      readonly podMessage?: string
      readonly container?: string
      readonly exitCode?: number
      /** The container's reason, such as `OOMKilled` or `Error`. */
      readonly reason?: string
      readonly message: string
      readonly finishedAt: string
    }

/** Why the cluster, and not what runs in it, ends or has ended a pod. */
export interface Interruption {
  readonly reason: 'Evicted' | 'Preempted' | 'NodeLost' | 'NodeShutdown' | 'RejectedByNode'
  /** What Kubernetes says to that, at most 300 characters; never what a container wrote. */
  readonly message: string
}

/** What we act on of one of our pods. */
export interface PodFacts {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly nodeName?: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly deleting: boolean
  /** Its container `worker` runs the loader with the right to load modules: no less can report of a load. */
  readonly runsLoader?: true
  readonly interruption?: Interruption
  readonly state: PodState
}

/** A ConfigMap that may hold a Dockerfile (images:BLD-12): key `dockerfile`. */
export interface DockerfileFacts {
  readonly namespace: string
  readonly name: string
  readonly dockerfile?: string
}

/** The cluster as the process's caches have it now. All plans are pure functions of it. */
export interface ClusterSnapshot {
  module(ref: ModuleRef): Module | undefined
  modules(): readonly Module[]
  /** A Module that is there and cannot be read; nothing is done for or against it. */
  unreadable(ref: ModuleRef): UnreadableModule | undefined
  unreadableModules(): readonly UnreadableModule[]
  nodes(): readonly NodeFacts[]
  node(name: string): NodeFacts | undefined
  nodeModulesConfig(node: string): NodeModulesConfig | undefined
  nodeModulesConfigs(): readonly NodeModulesConfig[]
  /** Build and worker pods of one Module that count (`countedPods`), by namespace and name of the Module. */
  pods(ref: ModuleRef): readonly PodFacts[]
  configMap(namespace: string, name: string): DockerfileFacts | undefined
}

/** What is known of a Module that is there, readable or not. */
export function storedModule(cluster: ClusterSnapshot, ref: ModuleRef): StoredModule | undefined {
  return cluster.module(ref) ?? cluster.unreadable(ref)
}

/** What status says of one kernel of a Module. */
export function storedEntry(
  module: Pick<StoredModule, 'status'> | undefined,
  kernel: string,
): KernelStatus | undefined {
  return module?.status?.kernels?.find((entry) => entry.kernel === kernel)
}

/** Is the Module gone, or going? */
export function isLeaving(module: Pick<StoredModule, 'metadata'> | undefined): boolean {
  return module === undefined || module.metadata.deletionTimestamp !== undefined
}
