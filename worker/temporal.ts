import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '@temporalio/client'
import { NativeConnection, type NativeConnectionOptions, Worker } from '@temporalio/worker'
import type { Logger } from 'pino'
import type { OperatorConfig } from '../api/config.ts'
import { taskQueue, watchQueue } from '../api/names.ts'
import { workflowCode } from './workflowCode.ts'

/** First and longest pause between attempts to reach Temporal, in milliseconds. */
const pause = { first: 500, longest: 15_000 }

/** Connects to Temporal, waiting for it as long as it takes; says so in the log. */
export async function connectTemporal(
  settings: OperatorConfig['temporal'],
  apiKey: string | undefined,
  log: Logger,
  signal: AbortSignal,
): Promise<NativeConnection> {
  const options = await connectionOptions(settings, apiKey)
  for (let delay = pause.first; ; delay = Math.min(delay * 2, pause.longest)) {
    try {
      return await NativeConnection.connect(options)
    } catch (error) {
      log.warn(
        { address: settings.address, err: error },
        'Temporal (temporal.address) is not reachable; trying again',
      )
      await sleep(delay, undefined, { signal })
    }
  }
}

async function connectionOptions(
  { address, tls }: OperatorConfig['temporal'],
  apiKey: string | undefined,
): Promise<NativeConnectionOptions> {
  const key = apiKey === undefined ? {} : { apiKey }
  if (!tls.enabled) return { address, ...key, tls: false }
  const { caFile, certFile, keyFile, serverName } = tls
  const pair =
    certFile === undefined || keyFile === undefined
      ? {}
      : { clientCertPair: { crt: await readFile(certFile), key: await readFile(keyFile) } }
  const ca = caFile === undefined ? {} : { serverRootCACertificate: await readFile(caFile) }
  const name = serverName === undefined ? {} : { serverNameOverride: serverName }
  return { address, ...key, tls: { ...pair, ...ca, ...name } }
}

/** A client over the workers' own connection. */
export function temporalClient(connection: NativeConnection, namespace: string): Client {
  return new Client({ connection, namespace })
}

/** How many build and node pods one process follows at once, and how many short activities it runs. */
const slots = { following: 500, short: 100, workflowTasks: 40, cachedWorkflows: 500 }

/**
 * Two workers in one process: workflows and short activities on one queue, activities that follow pods on another,
 * so that builds cannot starve status writes.
 */
export async function createWorkers(
  connection: NativeConnection,
  namespace: string,
  cluster: string,
  activities: object,
  workflowBundle: string | undefined,
): Promise<Worker[]> {
  const common = {
    connection,
    namespace,
    activities,
    shutdownGraceTime: '2s',
    shutdownForceTime: '20s',
    // Cancellation of a build rides on heartbeats: not later than this.
    maxHeartbeatThrottleInterval: '5s',
    defaultHeartbeatThrottleInterval: '5s',
  } as const
  return [
    await Worker.create({
      ...common,
      taskQueue: taskQueue(cluster),
      ...workflowCode(workflowBundle),
      maxCachedWorkflows: slots.cachedWorkflows,
      maxConcurrentWorkflowTaskExecutions: slots.workflowTasks,
      maxConcurrentActivityTaskExecutions: slots.short,
    }),
    await Worker.create({
      ...common,
      taskQueue: watchQueue(cluster),
      maxConcurrentActivityTaskExecutions: slots.following,
    }),
  ]
}
