import type { Logger } from 'pino'
import type { ClusterCache } from '../../activities/cluster/cache.ts'
import type { Dependencies } from '../../activities/dependencies.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import type { OperatorConfig } from '../../api/config.ts'
import { createAccess } from './access.ts'
import { createMetricsPage } from './page.ts'
import { metricsPath, serveMetrics } from './server.ts'

/** The metrics of a process. */
export interface Metrics {
  readonly observe: Dependencies['observe']
  close(): void
}

/** Begins to count, and serves what is counted, unless `metrics.bindAddress` is "0". */
export async function startMetrics(options: {
  readonly settings: OperatorConfig['metrics']
  readonly kube: Kube
  readonly cache: ClusterCache
  readonly temporalUrl: string | undefined
  readonly log: Logger
}): Promise<Metrics> {
  const { settings, kube, cache, temporalUrl, log } = options
  if (!isServed(settings)) return { observe: () => undefined, close: () => undefined }
  const page = createMetricsPage({ cache, requests: kube.requests, temporalUrl })
  const access = createAccess(kube.transport, metricsPath)
  const server = await serveMetrics({ settings, page, access, log })
  return { observe: (subject, event) => page.observe(subject, event), close: () => void server.close() }
}

/** "0" means no metrics. */
export function isServed({ bindAddress }: OperatorConfig['metrics']): boolean {
  return bindAddress !== '0'
}
