import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

/** KMM's API group; existing Modules work unchanged. */
export const group = 'kmm.sigs.x-k8s.io'
export const version = 'v1beta1'
export const apiVersion = `${group}/${version}`

/** Keeps a Module until nothing of it is left on any node (images:API-1). */
export const moduleFinalizer = 'kmm.node.kubernetes.io/module-finalizer'

export const labels = {
  /** On namespaces that hold Modules (images:API-1). */
  containsModules: 'kmm.node.k8s.io/contains-modules',
  appName: 'app.kubernetes.io/name',
  component: 'app.kubernetes.io/component',
  partOf: 'app.kubernetes.io/part-of',
  moduleName: 'kmm.node.kubernetes.io/module.name',
  /** `BuildImage` on build pods (images:4.2), `SignImage` on those that sign (images:SGN-1). */
  resourceType: 'kmm.node.kubernetes.io/resource-type',
  /** The Module of a pull check's pod (images:IMG-3); such a pod is none of the Module's work. */
  imageOwner: 'kmm.node.kubernetes.io/image-owner',
  targetKernel: 'kmm.node.kubernetes.io/target-kernel',
  /** `Load` or `Unload` on worker pods (nodes:WPD-1). */
  workerAction: 'kmm.node.kubernetes.io/worker-action',
  moduleUid: 'kmm.sigs.x-k8s.io/module-uid',
  inputHash: 'kmm.sigs.x-k8s.io/input-hash',
  attempt: 'kmm.sigs.x-k8s.io/attempt',
  configHash: 'kmm.sigs.x-k8s.io/config-hash',
} as const

export const annotations = {
  /** The raw kernel release; labels hold its DNS-safe form only. */
  kernel: 'kmm.sigs.x-k8s.io/kernel',
  image: 'kmm.sigs.x-k8s.io/image',
  /** On the claim of an image: hash of the holder's inputs. */
  inputHash: 'kmm.sigs.x-k8s.io/input-hash',
  /** On the claim of an image: uid of the pod that was made for it. */
  claimedPod: 'kmm.sigs.x-k8s.io/claimed-pod',
  /** On the claim of an image: its resourceVersion before the pod was written into it, by which claims have their order. */
  claimOrder: 'kmm.sigs.x-k8s.io/claim-order',
  /** On the claim of an image: `true` when the holder has shown that it may push to its repository. */
  mayPush: 'kmm.sigs.x-k8s.io/may-push',
  /** PEM of the authorities of `registry.caFile`, from where a build pod mounts it. */
  registryAuthorities: 'kmm.sigs.x-k8s.io/registry-authorities',
  /** Which Secrets a build pod was made with: uid and resourceVersion by name. */
  secretVersions: 'kmm.sigs.x-k8s.io/secret-versions',
  /** On sign pods: the image, by digest, whose modules they sign. */
  unsignedImage: 'kmm.sigs.x-k8s.io/unsigned-image',
  /** On sign pods: what their signer does. */
  signCommand: 'kmm.sigs.x-k8s.io/sign-command',
  workerConfig: 'kmm.node.kubernetes.io/worker-config',
  /** On worker pods: hash of ServiceAccount, pull secret and tolerations (nodes:WPD-1). */
  workerHash: 'kmm.node.kubernetes.io/worker-hash',
  modulesOrder: 'kmm.node.kubernetes.io/modules-order',
  /** `<kernel>` or `all`: restarts held builds; removed when taken. */
  retryBuild: 'kmm.sigs.x-k8s.io/retry-build',
  /** `<kernel>` or `all`: builds images again though they are there; removed when taken. */
  rebuild: 'kmm.sigs.x-k8s.io/rebuild',
  /** `<kernel>` or `all`: stops builds that are under way; removed when taken. */
  cancelBuild: 'kmm.sigs.x-k8s.io/cancel-build',
  forceFinalize: 'kmm.sigs.x-k8s.io/force-finalize',
} as const

/** Labels of images built in the cluster: where they come from (images:KMI-7 Better). */
export const imageLabels = {
  /** `namespace/name`. */
  module: 'kmm.sigs.x-k8s.io/module',
  kernel: 'kmm.sigs.x-k8s.io/kernel',
  inputHash: 'kmm.sigs.x-k8s.io/input-hash',
  /** Of the inputs that decide what is in the image, and no others (images:MIC-11 Better). */
  sourceHash: 'kmm.sigs.x-k8s.io/source-hash',
  /** Of what was signed, by the names of which Secrets; absent on images that are not signed here. */
  signHash: 'kmm.sigs.x-k8s.io/sign-hash',
  /** Name of the cluster, as in workflow ids: node names mean nothing elsewhere. */
  cluster: 'kmm.sigs.x-k8s.io/cluster',
  /** Name of the Node. */
  buildNode: 'kmm.sigs.x-k8s.io/build-node',
} as const

/** A Module's place in the cluster. */
export interface ModuleRef {
  readonly namespace: string
  readonly name: string
}

/** `namespace/name`, the key of a Module in queues, events and messages. */
export function moduleKey(ref: ModuleRef): string {
  return `${ref.namespace}/${ref.name}`
}

/** Labels that put a Module's namespace and name on its node objects (nodes:NMC-2, nodes:LBL). */
export function moduleConfiguredLabel(ref: ModuleRef): string {
  return `beta.kmm.node.kubernetes.io/${ref.namespace}.${ref.name}.module-configured`
}
export function moduleInUseLabel(ref: ModuleRef): string {
  return `beta.kmm.node.kubernetes.io/${ref.namespace}.${ref.name}.module-in-use`
}
/** On a Node while the wanted module is loaded (nodes:8). */
export function readyLabel(ref: ModuleRef): string {
  return `kmm.node.kubernetes.io/${ref.namespace}.${ref.name}.ready`
}

/**
 * Id of a kernel run. The raw kernel release stands in it, so that `6.1.0+` and `6.1.0_` are two.
 * ":" cannot occur in namespaces, names or kernel releases, so ids never collide.
 */
export function kernelRunId(cluster: string, ref: ModuleRef, kernel: string): string {
  return `module:${cluster}:${ref.namespace}:${ref.name}:${kernel}`
}
/** Id of the run that looks after the whole Module. */
export function moduleRunId(cluster: string, ref: ModuleRef): string {
  return `module:${cluster}:${ref.namespace}:${ref.name}`
}

/** The Module a run id is about; undefined for ids that are not ours. */
export function moduleOfRun(id: string): ModuleRef | undefined {
  const [kind, , namespace, name] = id.split(':')
  return kind === 'module' && namespace && name ? { namespace, name } : undefined
}

/** One kernel of one Module, which is what a kernel run is about. */
export interface KernelRef {
  readonly ref: ModuleRef
  readonly kernel: string
}

/** What a kernel run's id is about; undefined for other ids. */
export function kernelOfRun(id: string): KernelRef | undefined {
  const [kind, , namespace, name, kernel] = id.split(':')
  return kind === 'module' && namespace && name && kernel ? { ref: { namespace, name }, kernel } : undefined
}

/** In words, for messages: `Module ns/name (kernel 6.1.0)`. */
export function kernelWords({ ref, kernel }: KernelRef): string {
  return `Module ${moduleKey(ref)} (kernel ${kernel})`
}

/** Raised when recorded histories of the former release no longer replay. */
export const taskQueueGeneration = 1
/** Queue of workflows and short activities. */
export function taskQueue(cluster: string): string {
  return `kmm-${cluster}-${taskQueueGeneration}`
}
/** Is this the queue of an earlier generation, which nobody polls once the operator is this one? */
export function isFormerQueue(cluster: string, queue: string): boolean {
  const generation = queue.startsWith(`kmm-${cluster}-`) ? queue.slice(`kmm-${cluster}-`.length) : ''
  return /^\d+$/u.test(generation) && Number(generation) < taskQueueGeneration
}
/** Queue of activities that follow pods, so that builds cannot starve status writes. */
export function watchQueue(cluster: string): string {
  return `${taskQueue(cluster)}-watch`
}

/** `<module>-build-<input hash, 8 digits>-<attempt>`: two operators that agree on the inputs agree on the name. */
export function buildPodName(module: string, inputHash: string, attempt: number): string {
  return `${module.slice(0, 40)}-build-${inputHash.slice(0, 8)}-${attempt}`
}

/** The same of a pod that signs: `<module>-sign-<input hash, 8 digits>-<attempt>` (images:SGN-1). */
export function signPodName(module: string, inputHash: string, attempt: number): string {
  return `${module.slice(0, 40)}-sign-${inputHash.slice(0, 8)}-${attempt}`
}

/** Is this the name of a pod that signs? Status keeps only the name of a pod that is gone. */
export function isSignPodName(name: string): boolean {
  return /-sign-[0-9a-f]{8}-\d+$/.test(name)
}

/** `<module>-pull-<hash of the kernel>`: one pull check per Module and kernel at a time. */
export function pullPodName(module: string, kernel: string): string {
  return `${module.slice(0, 40)}-pull-${sha256(kernel).slice(0, 8)}`
}

/**
 * A worker pod's name depends on node and Module only, so that the API server itself refuses a second action of
 * one Module on one node (nodes:WPD-1 Better).
 */
export function workerPodName(nodeUid: string, ref: ModuleRef): string {
  return `kmm-worker-${ref.name.slice(0, 40)}-${sha256(`${nodeUid}/${ref.namespace}/${ref.name}`).slice(0, 10)}`
}

/** The name of KMM's own worker pods: such a pod of a cluster that is taken over ends before ours is made. */
export function kmmWorkerPodName(node: string, module: string): string {
  return `kmm-worker-${node}-${module}`
}

/** Containers whose termination message counts, each for what it alone does. */
export const containers = {
  /** Runs the loader in a worker pod. */
  worker: 'worker',
  /** Runs the executor in a pod that builds or signs; its log is the build log. */
  build: 'kaniko',
  /** The init container that signs. */
  sign: 'signer',
} as const

/** Field manager of a kernel run's entry in `status.kernels[]`; at most 128 characters. */
export function kernelFieldManager(kernel: string): string {
  return `kmm:${kernel}`.slice(0, 128)
}

/** Hex SHA-256 of a text; a library's, because workflows have no `node:crypto`. */
export function sha256(text: string): string {
  return bytesToHex(nobleSha256(utf8ToBytes(text)))
}

/** A cluster's name in workflow ids, where none is configured: from the uid of its namespace kube-system. */
export function clusterNameOf(kubeSystemUid: string): string {
  return kubeSystemUid.slice(0, 8)
}
