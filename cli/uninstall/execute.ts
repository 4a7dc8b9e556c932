import { once } from 'node:events'
import { labels } from '../../api/names.ts'
import type { Cluster } from '../kube/cluster.ts'
import { ApiError, isAbsent } from '../kube/errors.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import { awaitModules, awaitPodsGone } from './await.ts'
import { targetKey, type Target, type UninstallStep } from './plan.ts'
import { headline } from './report.ts'
import { releasesFinalizers } from './rights.ts'

/** What the executor works with. */
export interface Execution {
  readonly cluster: Cluster
  /** Aborts when the user interrupts or the time is over: nothing more begins. */
  readonly signal: AbortSignal
  /** Progress, a line at a time. */
  readonly note: (line: string) => void
  /** Terminates open runs in Temporal, or prints the command that does. */
  readonly terminateRuns: (cluster: string) => Promise<void>
}

/** How far it came; `remains` are the steps that are not done, the one that was under way first. */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'stopped'; readonly remains: readonly UninstallStep[] }
  | { readonly kind: 'blocked'; readonly why: string; readonly remains: readonly UninstallStep[] }

/**
 * Does the steps in order. Each leaves the cluster so that a plan made anew goes on from there. Throws CliErrors; what
 * was done until then stays done.
 */
export async function execute(steps: readonly UninstallStep[], execution: Execution): Promise<Outcome> {
  const { signal, note } = execution
  for (const [at, step] of steps.entries()) {
    const remains = steps.slice(at)
    if (signal.aborted) return { kind: 'stopped', remains }
    note(headline(step))
    const why = await Promise.race([perform(step, execution), aborted(signal)])
    if (signal.aborted) return { kind: 'stopped', remains }
    if (why !== undefined) return { kind: 'blocked', why, remains }
  }
  return { kind: 'done' }
}

/** A request that hangs must not keep the user from learning what remains. */
async function aborted(signal: AbortSignal): Promise<undefined> {
  if (!signal.aborted) await once(signal, 'abort')
}

/** Does one step; a sentence when something is in its way. */
async function perform(step: UninstallStep, execution: Execution): Promise<string | undefined> {
  const { cluster, note } = execution
  switch (step.kind) {
    case 'stopOperator':
      await cluster.patch(kinds.deployments, step.deployment, { spec: { replicas: 0 } })
      return await awaitPodsGone(execution, step)
    case 'deleteModules':
      return await inBatches(step.modules, execution, deleteTarget(cluster))
    case 'awaitModules':
      return await awaitModules(execution)
    case 'release':
      return await release(step, execution)
    case 'unlabelNodes':
      return await inBatches(step.nodes, execution, async ({ name, labels: own }) => {
        const none = Object.fromEntries(own.map((label) => [label, null]))
        await orGone(cluster.patch(kinds.nodes, { name }, { metadata: { labels: none } }))
      })
    case 'unlabelNamespaces':
      return await inBatches(step.namespaces, execution, async (name) => {
        const none = { metadata: { labels: { [labels.containsModules]: null } } }
        await orGone(cluster.patch(kinds.namespaces, { name }, none))
      })
    case 'terminateRuns':
      await execution.terminateRuns(step.cluster)
      return undefined
    case 'helmUninstall':
      note(`  ${step.command}`)
      return undefined
  }
}

async function release(
  { group, objects }: UninstallStep & { readonly kind: 'release' },
  execution: Execution,
): Promise<string | undefined> {
  const { cluster } = execution
  // With its definition a Module would go whatever its finalizers are for.
  if (group === 'definitions') {
    const left = await modulesLeft(cluster)
    if (left !== undefined) return left
  }
  const deleteIt = deleteTarget(cluster)
  return await inBatches(objects, execution, async (target) => {
    // First the finalizers: should it end here, an operator that is started again keeps the object.
    if (releasesFinalizers(group)) await removeFinalizers(cluster, target)
    await deleteIt(target)
  })
}

function deleteTarget(cluster: Cluster) {
  return async ({ of, namespace, name, uid }: Target) => await cluster.remove(of, { namespace, name }, uid)
}

const ownFinalizer = /^kmm\.(?:node\.kubernetes\.io|sigs\.x-k8s\.io)\//u
/** So often an object that changes all the time is read again. */
const maxTries = 5

/** Takes our finalizers, and those of KMM, off an object; those of others stay. */
async function removeFinalizers(cluster: Cluster, { of, namespace, name, uid }: Target): Promise<void> {
  for (let tries = 1; ; tries++) {
    const found = await cluster.get<StoredObject>(of, { namespace, name }, 'identity')
    const { finalizers = [], resourceVersion } = found?.metadata ?? {}
    if (found?.metadata.uid !== uid || !finalizers.some((own) => ownFinalizer.test(own))) return
    const kept = finalizers.filter((finalizer) => !ownFinalizer.test(finalizer))
    try {
      return await cluster.patch(
        of,
        { namespace, name },
        { metadata: { uid, resourceVersion, finalizers: kept } },
      )
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 409 || tries === maxTries) throw error
    }
  }
}

async function modulesLeft(cluster: Cluster): Promise<string | undefined> {
  const modules = await cluster.list<StoredObject>(kinds.modules, {}).catch((error: unknown) => {
    if (isAbsent(error)) return { items: [] }
    throw error
  })
  if (modules.items.length === 0) return undefined
  const words = modules.items.map(({ metadata }) => {
    const { finalizers = [] } = metadata
    return finalizers.length === 0
      ? targetKey(metadata)
      : `${targetKey(metadata)} (finalizers: ${finalizers.join(', ')})`
  })
  return `The definitions stay, because there are Modules: ${words.join('; ')}. Run the command again when they are gone.`
}

const batchSize = 10

/** Works on a few at once, and begins nothing more when the signal aborts. */
async function inBatches<T>(
  items: readonly T[],
  { signal, note }: Execution,
  work: (item: T) => Promise<void>,
): Promise<undefined> {
  for (let at = 0; at < items.length && !signal.aborted; at += batchSize) {
    if (at > 0) note(`  ${at} of ${items.length}`)
    await Promise.all(items.slice(at, at + batchSize).map(work))
  }
}

/** What is gone needs no change. */
async function orGone(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isAbsent(error)) throw error
  }
}
