import { once } from 'node:events'
import type { NativeConnection, Worker } from '@temporalio/worker'
import type { Logger } from 'pino'
import {
  createClusterCache,
  createKernelActivities,
  createModuleActivities,
  type Dependencies,
} from '../activities/index.ts'
import type { ClusterCache } from '../activities/cluster/cache.ts'
import { viewSettings } from '../activities/dependencies.ts'
import { createEventRecorder } from '../activities/events/eventRecorder.ts'
import { createKube } from '../activities/kube/client.ts'
import type { Kube } from '../activities/kube/kube.ts'
import { namespaces } from '../activities/kube/resources.ts'
import { clusterNameOf } from '../api/names.ts'
import { createBell } from './bell.ts'
import { logEvent } from './eventLog.ts'
import type { Health } from './health.ts'
import { runWhileLeader } from './leaderElection.ts'
import { startMetrics, type Metrics } from './metrics/start.ts'
import type { OperatorOptions } from './options.ts'
import { type Competition, replicaIdentity } from './preconditions/competingOperators.ts'
import { operatorPreconditions } from './preconditions/operatorPreconditions.ts'
import type { Fault } from './preconditions/precondition.ts'
import { PreconditionRunner, type Term } from './preconditions/preconditionRunner.ts'
import { askApiServer, askTemporal, shared } from './readiness.ts'
import { retentionFault } from './retention.ts'
import { connectTemporal } from './temporal/connect.ts'
import { createWorkers, temporalClient } from './temporal.ts'
import { Watcher } from './watcher.ts'

/** What outlives a configuration of the process. */
export interface OperatorSurroundings {
  readonly log: Logger
  readonly health: Pick<Health, 'setChecks'>
  /** Where the Temporal SDK serves its metrics; absent: nowhere. */
  readonly temporalMetricsUrl: string | undefined
  /** Makes a fault of a precondition known outside the process; must not throw. */
  readonly report: (fault: Fault) => void
}

/** How far the work has come, for /readyz. */
interface Progress {
  cached: boolean
  temporal: NativeConnection | undefined
  /** Why there is no connection to Temporal. */
  temporalFault: string
  workers: readonly Worker[]
}

const noProgress = (address: string): Progress => ({
  cached: false,
  temporal: undefined,
  temporalFault: `no connection to ${address} (temporal.address) yet`,
  workers: [],
})

/**
 * Runs with one configuration until the signal aborts: preconditions first (each waited for as long as it takes), then
 * the work, as long as they are met. Leaves every pod alone when it ends.
 */
export async function runOperator(
  options: OperatorOptions,
  surroundings: OperatorSurroundings,
  signal: AbortSignal,
): Promise<void> {
  const { config } = options
  const { log, health, report } = surroundings
  const kube = createKube(options.kubeconfig)
  const { preconditions, competition } = operatorPreconditions(kube, options)
  const runner = new PreconditionRunner({ preconditions, log, signal, report })
  const progress = noProgress(config.temporal.address)
  const apiServerAnswers = shared(() => askApiServer(kube.transport))
  const temporalAnswers = shared(async () =>
    progress.temporal === undefined ? progress.temporalFault : await askTemporal(progress.temporal),
  )
  health.setChecks({
    Preconditions: () => runner.readiness(),
    'API server': async () =>
      progress.cached ? await apiServerAnswers() : 'the first lists are not complete yet',
    Temporal: async () => {
      const { temporal, temporalFault, workers } = progress
      if (temporal === undefined) return temporalFault
      return workers.length > 0 && workers.every((worker) => worker.getState() === 'RUNNING')
        ? await temporalAnswers()
        : 'the Temporal workers are not running'
    },
  })
  try {
    await runner.run(async (term) => {
      await manageModules({ options, kube, surroundings, competition, progress }, term)
    })
  } finally {
    await kube.close()
    log.info('the operator has ended')
  }
}

/** What the work of a term needs. */
interface TermContext {
  readonly options: OperatorOptions
  readonly kube: Kube
  readonly surroundings: OperatorSurroundings
  readonly competition: Competition
  readonly progress: Progress
}

/**
 * Caches first, then Temporal (each waited for as long as it takes), then workers on every replica and the watcher on
 * the leader, until the term ends. Ends in the opposite order.
 */
async function manageModules(context: TermContext, term: Term): Promise<void> {
  const { options, kube, surroundings, progress } = context
  const { log, temporalMetricsUrl: temporalUrl } = surroundings
  const { config } = options
  const { signal } = term
  const cache = createClusterCache(kube, log)
  let metrics: Metrics | undefined
  try {
    metrics = await startMetrics({ settings: config.metrics, kube, cache, temporalUrl, log })
    await Promise.race([cache.synced, aborted(signal)])
    progress.cached = true
    const cluster = config.temporal.clusterName ?? (await clusterName(kube))
    const connection = await connectTemporal({
      settings: config.temporal,
      environment: process.env,
      log,
      signal,
      onFault: (reason) => (progress.temporalFault = reason),
    })
    progress.temporal = connection
    await runConnected({ ...context, cache, metrics, cluster, connection }, term)
  } finally {
    Object.assign(progress, noProgress(config.temporal.address))
    metrics?.close()
    await cache.stop()
  }
}

/** Workers and, on the leader, the watcher, with caches and a connection to Temporal; closes the connection. */
async function runConnected(
  context: TermContext & {
    readonly cache: ClusterCache
    readonly metrics: Metrics
    readonly cluster: string
    readonly connection: NativeConnection
  },
  term: Term,
): Promise<void> {
  const { options, kube, surroundings, competition, progress, cache, metrics, cluster, connection } = context
  const { log } = surroundings
  const { config } = options
  const short = await retentionFault(connection, config.temporal.namespace)
  if (short !== undefined) log.warn(short)
  const { namespace: own, workerImage } = options
  const bell = createBell(temporalClient(connection, config.temporal.namespace), cluster)
  const deps: Dependencies = {
    kube,
    cache,
    runs: bell,
    config,
    cluster,
    namespace: own,
    workerImage,
    events: createEventRecorder(kube),
    observe: (subject, event) => {
      logEvent(log, subject, event)
      metrics.observe(subject, event)
    },
  }
  const activities = { ...createKernelActivities(deps), ...createModuleActivities(deps) }
  const { namespace } = config.temporal
  const workers = await createWorkers(connection, namespace, cluster, activities, options.workflowBundle)
  progress.workers = workers
  const watcher = new Watcher({ cache, bell, settings: viewSettings(deps), log })
  log.info({ cluster, temporal: config.temporal.address, namespace }, 'the operator is up')
  try {
    await Promise.all([
      runWorkers(workers, term.signal),
      watchAsLeader(kube, options, watcher, log, term, competition),
    ])
  } finally {
    await connection.close()
  }
}

/** One replica watches; all replicas work. Correctness never depends on the Lease, only the number of rings. */
async function watchAsLeader(
  kube: Kube,
  options: OperatorOptions,
  watcher: Watcher,
  log: Logger,
  term: Term,
  competition: Competition,
): Promise<void> {
  const { signal } = term
  const { enabled, resourceID } = options.config.leaderElection
  const watch = async (leading: AbortSignal) => {
    const verdict = await competition.beforeLeading(leading).catch((error: unknown) => {
      if (leading.aborted) return undefined
      throw error
    })
    if (verdict?.kind === 'yield') term.end(competition, verdict.fault)
    if (verdict?.kind !== 'lead') return
    watcher.start()
    await aborted(leading).catch(() => undefined)
    await watcher.stop()
  }
  if (!enabled) return await watch(signal)
  const identity = replicaIdentity(process.env['HOSTNAME'] ?? 'operator', process.pid)
  await runWhileLeader(kube, { namespace: options.namespace, name: resourceID, identity, signal, log }, watch)
}

async function runWorkers(workers: readonly Worker[], signal: AbortSignal): Promise<void> {
  const stop = () => workers.filter((w) => w.getState() === 'RUNNING').forEach((w) => w.shutdown())
  signal.addEventListener('abort', stop, { once: true })
  const running = workers.map((worker) => worker.run())
  if (signal.aborted) stop()
  await Promise.all(running)
}

async function clusterName(kube: Kube): Promise<string> {
  const found = await kube.get(namespaces, { name: 'kube-system' })
  if (found === undefined)
    throw new Error('the cluster has no namespace kube-system; set temporal.clusterName')
  return clusterNameOf(found.metadata.uid)
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort')
  throw signal.reason
}
