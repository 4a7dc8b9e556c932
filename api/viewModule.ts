import { nodeEligibility } from './eligibility.ts'
import type { ClusterSnapshot } from './facts.ts'
import type { Condition, KernelStatus, Module, ModuleStatus } from './module.ts'
import { labels, type ModuleRef } from './names.ts'
import { moduleConfigHash } from './nodeModulesConfig.ts'
import { lifeOf, recordOf } from './viewKernel.ts'

/** Counters and conditions as nodes and kernels say they should be. */
export interface ModuleSummary {
  readonly moduleLoader: Required<NonNullable<ModuleStatus['moduleLoader']>>
  readonly conditions: readonly Condition[]
}

/** One pure function from the caches to a Module's counters (images:STS-1 to STS-3) and conditions. */
export function summarizeModule(cluster: ClusterSnapshot, module: Module, now: string): ModuleSummary {
  const ref = module.metadata
  const targets = cluster.nodes().filter((node) => nodeEligibility(module, node).kind === 'target')
  const records = cluster.nodeModulesConfigs().flatMap((record) => {
    const same = (m: { name: string; namespace: string }) =>
      m.name === ref.name && m.namespace === ref.namespace
    const spec = record.spec?.modules?.find(same)
    const status = record.status?.modules?.find(same)
    return spec === undefined ? [] : [{ node: record.metadata.name, spec, status }]
  })
  const bootIds = new Map(cluster.nodes().map((node) => [node.name, node.bootId]))
  const available = records.filter(
    ({ node, spec, status }) =>
      status?.config !== undefined &&
      status.bootId === bootIds.get(node) &&
      moduleConfigHash(status.config) === moduleConfigHash(spec.config),
  )
  const moduleLoader = {
    nodesMatchingSelectorNumber: targets.length,
    desiredNumber: records.length,
    availableNumber: available.length,
  }
  const conditions = conditionsOf(module, targets.length).map((condition) => stamp(module, condition, now))
  return { moduleLoader, conditions }
}

type Verdict = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>

/** Phases in which nothing moves until somebody mends something. */
const stuck: readonly string[] = ['BuildFailed', 'LoadFailed', 'InputInvalid', 'Cancelled', 'WaitingForImage']

function conditionsOf(module: Module, targets: number): Verdict[] {
  const kernels = module.status?.kernels ?? []
  const bad = kernels.filter((k) => stuck.includes(k.phase))
  const waiting = kernels.filter((k) => !stuck.includes(k.phase) && k.reason !== undefined)
  const moving = kernels.filter(
    (k) => !stuck.includes(k.phase) && k.phase !== 'Loaded' && k.phase !== 'NoNodes',
  )
  const withImage = kernels.filter((k) => k.digest !== undefined || k.phase === 'NoNodes')
  const deleting = module.metadata.deletionTimestamp !== undefined
  const first = bad[0] ?? waiting[0] ?? moving[0]
  const ready =
    targets > 0 && kernels.length > 0 && kernels.every((k) => k.phase === 'Loaded' || k.phase === 'NoNodes')
  return [
    deleting
      ? { type: 'Ready', status: 'False', reason: 'Deleting', message: 'The module is being unloaded.' }
      : ready
        ? {
            type: 'Ready',
            status: 'True',
            reason: 'Loaded',
            message: `Loaded on ${targets} of ${targets} nodes.`,
          }
        : targets === 0 && first === undefined
          ? { type: 'Ready', status: 'False', reason: 'NoNodes', message: 'No node matches spec.selector.' }
          : { type: 'Ready', status: 'False', ...reasonOf(first) },
    kernels.length > 0 && withImage.length === kernels.length
      ? { type: 'ImagesReady', status: 'True', reason: 'Verified', message: 'Every kernel has its image.' }
      : { type: 'ImagesReady', status: 'False', ...reasonOf(kernels.find((k) => k.digest === undefined)) },
    moving.length > 0
      ? { type: 'Progressing', status: 'True', ...reasonOf(moving[0]) }
      : { type: 'Progressing', status: 'False', reason: 'AtRest', message: 'Nothing is going on.' },
    bad.length > 0
      ? { type: 'Degraded', status: 'True', ...reasonOf(bad[0]) }
      : { type: 'Degraded', status: 'False', reason: 'AsExpected', message: 'Nothing waits for anybody.' },
  ]
}

function reasonOf(kernel: KernelStatus | undefined): Pick<Condition, 'reason' | 'message'> {
  if (kernel === undefined) return { reason: 'Pending', message: 'Nothing has been looked at yet.' }
  const message = kernel.message ?? phaseSentence(kernel)
  return {
    reason: kernel.reason ?? kernel.phase,
    message: `Kernel ${kernel.kernel}: ${message}`.slice(0, 32_000),
  }
}

function phaseSentence(kernel: KernelStatus): string {
  const nodes = `${kernel.nodes?.loaded ?? 0} of ${kernel.nodes?.targets ?? 0} nodes loaded`
  switch (kernel.phase) {
    case 'CheckingImage':
      return `looking for image ${kernel.image}.`
    case 'Building':
      return `building ${kernel.image} in pod ${kernel.buildPod}.`
    default:
      return `${nodes}.`
  }
}

/** The time of a condition changes only with its status. */
function stamp(module: Module, verdict: Verdict, now: string): Condition {
  const old = module.status?.conditions?.find((c) => c.type === verdict.type)
  const lastTransitionTime = old?.status === verdict.status ? old.lastTransitionTime : now
  return { ...verdict, observedGeneration: module.metadata.generation ?? 0, lastTransitionTime }
}

/** Does what is stored differ from the summary? */
export function isOutdated(module: Module, summary: ModuleSummary): boolean {
  const { moduleLoader = {}, conditions = [] } = module.status ?? {}
  const counters = Object.entries(summary.moduleLoader).some(
    ([name, value]) => (moduleLoader as Record<string, unknown>)[name] !== value,
  )
  return (
    counters ||
    summary.conditions.some((wanted) => {
      const stored = conditions.find((c) => c.type === wanted.type)
      const { status, reason, message, observedGeneration } = wanted
      return (
        stored?.status !== status ||
        stored.reason !== reason ||
        stored.message !== message ||
        (stored.observedGeneration ?? 0) !== observedGeneration
      )
    })
  )
}

/** What keeps the finalizer of a Module that is being deleted, in words a person can act on. */
export function remainsOf(cluster: ClusterSnapshot, ref: ModuleRef): string[] {
  const records = cluster.nodeModulesConfigs().filter((record) => recordOf(record, ref))
  const pods = cluster.pods(ref)
  return [
    ...records.map((record) => `node ${record.metadata.name}: the module is not unloaded yet`),
    ...pods.map(
      (pod) => `${pod.labels[labels.workerAction] ? 'worker' : 'build'} pod ${pod.name} is still there`,
    ),
  ].slice(0, 20)
}

/** Everything the Module's own run decides on. */
export function viewModule(cluster: ClusterSnapshot, ref: ModuleRef, now: string) {
  const module = cluster.module(ref)
  const life = lifeOf(cluster, ref)
  const summary = module === undefined ? undefined : summarizeModule(cluster, module, now)
  const ready = summary?.conditions.find((c) => c.type === 'Ready')
  return {
    view: {
      module: life,
      remains: life === 'deleting' ? remainsOf(cluster, ref) : [],
      outdated: module !== undefined && summary !== undefined && isOutdated(module, summary),
      summary: ready === undefined ? 'gone' : `${ready.reason}: ${ready.message}`.slice(0, 300),
    },
    module,
    summary,
  }
}
