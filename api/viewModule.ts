import { nodeEligibility } from './eligibility.ts'
import { withEntriesInForce } from './entriesInForce.ts'
import { storedModule, type ClusterSnapshot } from './facts.ts'
import { dropUndefined } from './dropUndefined.ts'
import { takenTrigger } from './imageTrigger.ts'
import type { Condition, Module, ModuleStatus } from './module.ts'
import { conditionsOf, type Verdict } from './moduleConditions.ts'
import { annotations, labels, type ModuleRef } from './names.ts'
import { isLeftLoaded, moduleConfigHash, recordEntries, type NodeModulesConfig } from './nodeModulesConfig.ts'
import type { StoredModule, UnreadableModule } from './readModule.ts'
import { unreadableVerdicts } from './specFaults.ts'
import { viewSteering } from './steering.ts'
import { isLost } from './viewBuildPods.ts'
import { withCleanText } from './text/cleanText.ts'
import { lifeOf, recordOf } from './viewKernel.ts'
import { warningsOf, warningTypes } from './warnings.ts'

/** Counters and conditions as nodes and kernels say they should be, and the image trigger that was taken. */
export interface ModuleSummary {
  readonly imageRebuildTriggerGeneration?: number
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
  const valid = targets.filter(({ invalid }) => invalid === undefined)
  const verdicts = [...conditionsOf(module, valid, remains), ...warningsOf(cluster, module, targets)]
  return dropUndefined({
    imageRebuildTriggerGeneration: takenTrigger(module, valid),
    moduleLoader: countNodes(cluster, module.metadata, targets.length),
    conditions: verdicts.map((verdict) => stamp(module, verdict, now)),
  })
}

/** The same for a Module that cannot be read: which nodes it selects is not known, so that number stays. */
function summarizeUnreadable(cluster: ClusterSnapshot, module: UnreadableModule, now: string): ModuleSummary {
  const selected = module.status?.moduleLoader?.nodesMatchingSelectorNumber ?? 0
  return dropUndefined({
    imageRebuildTriggerGeneration: module.status?.imageRebuildTriggerGeneration,
    moduleLoader: countNodes(cluster, module.metadata, selected),
    conditions: unreadableVerdicts(module).map((verdict) => stamp(module, verdict, now)),
  })
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

/** The time of a condition changes only with its status. */
function stamp(module: StoredModule, verdict: Verdict, now: string): Condition {
  const old = module.status?.conditions?.find((c) => c.type === verdict.type)
  const lastTransitionTime = old?.status === verdict.status ? old.lastTransitionTime : now
  return {
    ...withCleanText(verdict),
    observedGeneration: module.metadata.generation ?? 0,
    lastTransitionTime,
  }
}

/** Does what is stored differ from the summary? */
export function isOutdated(module: StoredModule, summary: ModuleSummary): boolean {
  const { moduleLoader = {}, conditions = [], imageRebuildTriggerGeneration: taken } = module.status ?? {}
  const trigger = summary.imageRebuildTriggerGeneration
  const counters = Object.entries(summary.moduleLoader).some(
    ([name, value]) => (moduleLoader as Record<string, unknown>)[name] !== value,
  )
  const isOver = ({ type }: Condition) =>
    warningTypes.includes(type) && !summary.conditions.some((wanted) => wanted.type === type)
  return (
    counters ||
    // One that was taken away goes with the next write: conditions are of another generation then.
    (trigger !== undefined && trigger !== taken) ||
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
    ...pods.map((pod) => {
      const what = `${pod.labels[labels.workerAction] ? 'worker' : 'build'} pod ${pod.name} is still there`
      return isLost(pod, cluster.nodes())
        ? `${what}, on node ${pod.nodeName}, which is not Ready; ${giveUp}`
        : what
    }),
  ].slice(0, 20)
}

function summarize(cluster: ClusterSnapshot, ref: ModuleRef, now: string): ModuleSummary | undefined {
  const module = cluster.module(ref)
  if (module !== undefined) return summarizeModule(cluster, withEntriesInForce(cluster, module), now)
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
