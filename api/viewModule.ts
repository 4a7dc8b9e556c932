import { nodeEligibility } from './eligibility.ts'
import { storedModule, type ClusterSnapshot, type NodeFacts } from './facts.ts'
import type { Condition, KernelStatus, Module, ModuleStatus } from './module.ts'
import { annotations, labels, type ModuleRef } from './names.ts'
import { isLeftLoaded, moduleConfigHash, recordEntries, type NodeModulesConfig } from './nodeModulesConfig.ts'
import type { StoredModule, UnreadableModule } from './readModule.ts'
import { mappingFault, unreadableVerdicts } from './specFaults.ts'
import { isStuck, viewSteering } from './steering.ts'
import { lifeOf, recordOf } from './viewKernel.ts'
import { warningsOf, warningTypes } from './warnings.ts'

/** Counters and conditions as nodes and kernels say they should be. */
export interface ModuleSummary {
  readonly moduleLoader: Required<NonNullable<ModuleStatus['moduleLoader']>>
  readonly conditions: readonly Condition[]
}

/** One pure function from the caches to a Module's counters (images:STS-1 to STS-5) and conditions. */
export function summarizeModule(cluster: ClusterSnapshot, module: Module, now: string): ModuleSummary {
  const targets = cluster
    .nodes()
    .filter(
      (node) => module.spec.moduleLoader !== undefined && nodeEligibility(module, node).kind === 'target',
    )
  const deleting = module.metadata.deletionTimestamp !== undefined
  const remains = deleting ? remainsOf(cluster, module.metadata) : []
  const verdicts = [...conditionsOf(module, targets, remains), ...warningsOf(cluster, module, targets)]
  return {
    moduleLoader: countNodes(cluster, module.metadata, targets.length),
    conditions: verdicts.map((verdict) => stamp(module, verdict, now)),
  }
}

/** The same for a Module that cannot be read: which nodes it selects is not known, so that number stays. */
function summarizeUnreadable(cluster: ClusterSnapshot, module: UnreadableModule, now: string): ModuleSummary {
  const selected = module.status?.moduleLoader?.nodesMatchingSelectorNumber ?? 0
  return {
    moduleLoader: countNodes(cluster, module.metadata, selected),
    conditions: unreadableVerdicts(module).map((verdict) => stamp(module, verdict, now)),
  }
}

/** images:STS-1 to STS-5 */
function countNodes(
  cluster: ClusterSnapshot,
  ref: ModuleRef,
  selected: number,
): ModuleSummary['moduleLoader'] {
  const bootIds = new Map(cluster.nodes().map((node) => [node.name, node.bootId]))
  const configured = cluster.nodeModulesConfigs().flatMap((record) => {
    const { wish, fact } = recordEntries(record, ref)
    return wish === undefined ? [] : [{ bootId: bootIds.get(record.metadata.name), wish, fact }]
  })
  const available = configured.filter(
    ({ bootId, wish, fact }) =>
      fact?.config !== undefined &&
      fact.bootId === bootId &&
      moduleConfigHash(fact.config) === moduleConfigHash(wish.config),
  )
  return {
    nodesMatchingSelectorNumber: selected,
    desiredNumber: configured.length,
    availableNumber: available.length,
  }
}

type Verdict = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>
type Because = Pick<Condition, 'reason' | 'message'>

/**
 * Ready: every target node's kernel is Loaded, or has no mapping while another is Loaded. A kernel that nobody has
 * looked at yet counts against it.
 */
function conditionsOf(module: Module, targets: readonly NodeFacts[], remains: readonly string[]): Verdict[] {
  const kernels = module.status?.kernels ?? []
  const pending = targets.some((node) => kernels.every((k) => k.kernel !== node.kernel))
  const bad = kernels.filter(isStuck)
  const waiting = kernels.filter((k) => !isStuck(k) && k.reason !== undefined)
  const moving = kernels.filter((k) => !isStuck(k) && !isAtRest(k))
  const imageless = kernels.filter(
    (k) => k.digest === undefined && k.phase !== 'NoNodes' && k.phase !== 'Unloading',
  )
  const first = bad[0] ?? waiting[0] ?? moving[0]
  const idle = idleReason(module, targets)
  const deleting = module.metadata.deletionTimestamp !== undefined
  const fault = deleting ? undefined : mappingFault(module)
  const why = (kernel: KernelStatus | undefined) =>
    (kernel === undefined && (fault ?? idle)) || reasonOf(kernel)
  const loaded = kernels.some((k) => k.phase === 'Loaded') && kernels.every(isAtRest)
  const count = kernels.reduce((sum, k) => sum + (k.nodes?.loaded ?? 0), 0)
  const images = kernels.some((k) => k.digest !== undefined) && imageless.length === 0
  return [
    deleting
      ? verdict('Ready', 'False', { reason: 'Deleting', message: deletingSentence(remains) })
      : loaded && !pending && idle === undefined
        ? verdict('Ready', 'True', {
            reason: 'Loaded',
            message: `Loaded on ${count} of ${targets.length} nodes.`,
          })
        : verdict('Ready', 'False', why(pending ? bad[0] : first)),
    images && !pending
      ? verdict('ImagesReady', 'True', { reason: 'Verified', message: 'Every kernel has its image.' })
      : verdict('ImagesReady', 'False', why(imageless[0] ?? (pending ? undefined : first))),
    moving.length > 0 || pending
      ? verdict('Progressing', 'True', reasonOf(moving[0]))
      : verdict('Progressing', 'False', { reason: 'AtRest', message: 'Nothing is going on.' }),
    bad.length > 0
      ? verdict('Degraded', 'True', reasonOf(bad[0]))
      : fault !== undefined
        ? verdict('Degraded', 'True', fault)
        : verdict('Degraded', 'False', { reason: 'AsExpected', message: 'Nothing waits for anybody.' }),
  ]
}
function verdict(type: string, status: Condition['status'], because: Because): Verdict {
  return { type, status, ...because }
}

/** What the end of a Module waits for; of many the first few. */
function deletingSentence(remains: readonly string[]): string {
  const first = remains.slice(0, 3).join('; ')
  const more = remains.length > 3 ? `; and others` : ''
  return `The module is being unloaded.${first === '' ? '' : ` Waits for: ${first}${more}.`}`
}

function isAtRest(kernel: KernelStatus): boolean {
  return kernel.phase === 'Loaded' || kernel.phase === 'NoNodes'
}

/** Why there is nothing to load at all. */
function idleReason(module: Module, targets: readonly NodeFacts[]): Because | undefined {
  if (module.spec.moduleLoader === undefined) {
    return { reason: 'NoModuleLoader', message: 'spec.moduleLoader is not set: there is nothing to load.' }
  }
  return targets.length > 0
    ? undefined
    : {
        reason: 'NoNodes',
        message: 'No node matches spec.selector, or all have taints that the Module does not tolerate.',
      }
}

function reasonOf(kernel: KernelStatus | undefined): Because {
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
function stamp(module: StoredModule, verdict: Verdict, now: string): Condition {
  const old = module.status?.conditions?.find((c) => c.type === verdict.type)
  const lastTransitionTime = old?.status === verdict.status ? old.lastTransitionTime : now
  return { ...verdict, observedGeneration: module.metadata.generation ?? 0, lastTransitionTime }
}

/** Does what is stored differ from the summary? */
export function isOutdated(module: StoredModule, summary: ModuleSummary): boolean {
  const { moduleLoader = {}, conditions = [] } = module.status ?? {}
  const counters = Object.entries(summary.moduleLoader).some(
    ([name, value]) => (moduleLoader as Record<string, unknown>)[name] !== value,
  )
  const isOver = ({ type }: Condition) =>
    warningTypes.includes(type) && !summary.conditions.some((wanted) => wanted.type === type)
  return (
    counters ||
    conditions.some(isOver) ||
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
  const nodes = new Map(cluster.nodes().map((node) => [node.name, node]))
  const records = cluster.nodeModulesConfigs().filter((record) => {
    const left = isLeftLoaded(recordEntries(record, ref).fact, nodes.get(record.metadata.name)?.bootId ?? '')
    return recordOf(record, ref) && !left
  })
  const pods = cluster.pods(ref)
  const away = ({ metadata: { name } }: NodeModulesConfig) => nodes.get(name)?.ready === false
  const giveUp = `annotate the Module with ${annotations.forceFinalize}=<reason> to give it up`
  return [
    ...records.map((record) =>
      away(record)
        ? `node ${record.metadata.name}: it is not Ready, and unloaded when it returns; ${giveUp}`
        : `node ${record.metadata.name}: the module is not unloaded yet`,
    ),
    ...pods.map(
      (pod) => `${pod.labels[labels.workerAction] ? 'worker' : 'build'} pod ${pod.name} is still there`,
    ),
  ].slice(0, 20)
}

function summarize(cluster: ClusterSnapshot, ref: ModuleRef, now: string): ModuleSummary | undefined {
  const module = cluster.module(ref)
  if (module !== undefined) return summarizeModule(cluster, module, now)
  const unreadable = cluster.unreadable(ref)
  return unreadable === undefined ? undefined : summarizeUnreadable(cluster, unreadable, now)
}

/** Everything the Module's own run decides on. */
export function viewModule(cluster: ClusterSnapshot, ref: ModuleRef, now: string) {
  const module = storedModule(cluster, ref)
  const life = lifeOf(cluster, ref)
  const summary = summarize(cluster, ref, now)
  const { refused, ...asked } = module === undefined ? { refused: [] } : viewSteering(cluster, module)
  const ready = summary?.conditions.find((c) => c.type === 'Ready')
  return {
    view: {
      module: life,
      remains: life === 'deleting' ? remainsOf(cluster, ref) : [],
      ...asked,
      outdated: module !== undefined && summary !== undefined && isOutdated(module, summary),
      summary: ready === undefined ? 'gone' : `${ready.reason}: ${ready.message}`.slice(0, 300),
    },
    module,
    summary,
    refusedRebuilds: refused,
  }
}
