import { once } from 'node:events'
import type { NativeConnection, Worker } from '@temporalio/worker'
import type { Logger } from 'pino'
import {
  createClusterCache,
  createKernelActivities,
  createModuleActivities,
  type Dependencies,
} from '../activities/index.ts'
import { viewSettings } from '../activities/dependencies.ts'
import { createEventRecorder } from '../activities/events/eventRecorder.ts'
import { createKube } from '../activities/kube/client.ts'
import type { Kube } from '../activities/kube/kube.ts'
import { namespaces } from '../activities/kube/resources.ts'
import { createBell } from './bell.ts'
import { logEvent } from './eventLog.ts'
import { serveHealth } from './health.ts'
import { runWhileLeader } from './leaderElection.ts'
import { installTemporalRuntime } from './log.ts'
import { isServed, startMetrics, type Metrics } from './metrics/start.ts'
import { chooseTemporalMetrics } from './metrics/temporalMetrics.ts'
import type { OperatorOptions } from './options.ts'
import { askApiServer, askTemporal } from './readiness.ts'
import { retentionFault } from './retention.ts'
import { connectTemporal } from './temporal/connect.ts'
import { createWorkers, temporalClient } from './temporal.ts'
import { Watcher } from './watcher.ts'

/**
 * Runs until the signal aborts: caches first, then Temporal (each waited for as long as it takes), then workers on
 * every replica and the watcher on the leader. Ends in the opposite order, and leaves every pod alone.
 */
export async function runOperator(options: OperatorOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const { config, warnings } = options
  for (const warning of warnings) log.warn(warning)
  const temporalMetrics = isServed(config.metrics) ? await chooseTemporalMetrics() : undefined
  installTemporalRuntime(log, temporalMetrics?.exporter)
  const kube = createKube(options.kubeconfig)
  const cache = createClusterCache(kube, log)
  let temporal: NativeConnection | undefined
  let temporalFault = `no connection to ${config.temporal.address} (temporal.address) yet`
  let workers: readonly Worker[] = []
  let cached = false
  const health = await serveHealth(config.healthProbeBindAddress, {
    'API server': async () =>
      cached ? await askApiServer(kube.transport) : 'the first lists are not in yet',
    Temporal: async () => {
      if (temporal === undefined) return temporalFault
      return workers.length > 0 && workers.every((worker) => worker.getState() === 'RUNNING')
        ? await askTemporal(temporal)
        : 'the workers do not run'
    },
  })
  let metrics: Metrics | undefined
  try {
    const { url: temporalUrl } = temporalMetrics ?? {}
    const counted = await startMetrics({ settings: config.metrics, kube, cache, temporalUrl, log })
    metrics = counted
    await Promise.race([cache.synced, aborted(signal)])
    cached = true
    const cluster = config.temporal.clusterName ?? (await clusterName(kube))
    const connection = await connectTemporal({
      settings: config.temporal,
      environment: process.env,
      log,
      signal,
      onFault: (reason) => (temporalFault = reason),
    })
    temporal = connection
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
        counted.observe(subject, event)
      },
    }
    const activities = { ...createKernelActivities(deps), ...createModuleActivities(deps) }
    const { namespace } = config.temporal
    workers = await createWorkers(connection, namespace, cluster, activities, options.workflowBundle)
    const watcher = new Watcher({ cache, bell, settings: viewSettings(deps), log })
    log.info({ cluster, temporal: config.temporal.address, namespace }, 'the operator is up')
    try {
      await Promise.all([runWorkers(workers, signal), watchAsLeader(kube, options, watcher, log, signal)])
    } finally {
      await connection.close()
    }
  } finally {
    health.close()
    metrics?.close()
    await cache.stop()
    await kube.close()
    log.info('the operator has ended')
  }
}

/** One replica watches; all replicas work. Correctness never depends on the Lease, only the number of rings. */
async function watchAsLeader(
  kube: Kube,
  options: OperatorOptions,
  watcher: Watcher,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { enabled, resourceID } = options.config.leaderElection
  const watch = async (leading: AbortSignal) => {
    watcher.start()
    await aborted(leading).catch(() => undefined)
    await watcher.stop()
  }
  if (!enabled) return await watch(signal)
  const identity = `${process.env['HOSTNAME'] ?? 'operator'}-${process.pid}`
  await runWhileLeader(kube, { namespace: options.namespace, name: resourceID, identity, signal, log }, watch)
}

async function runWorkers(workers: readonly Worker[], signal: AbortSignal): Promise<void> {
  const stop = () => workers.filter((w) => w.getState() === 'RUNNING').forEach((w) => w.shutdown())
  signal.addEventListener('abort', stop, { once: true })
  const running = workers.map((worker) => worker.run())
  if (signal.aborted) stop()
  await Promise.all(running)
}

/** The cluster's name in workflow ids: the first 8 digits of the uid of namespace kube-system. */
async function clusterName(kube: Kube): Promise<string> {
  const found = await kube.get(namespaces, { name: 'kube-system' })
  if (found === undefined)
    throw new Error('the cluster has no namespace kube-system; set temporal.clusterName')
  return found.metadata.uid.slice(0, 8)
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort')
  throw signal.reason
}
