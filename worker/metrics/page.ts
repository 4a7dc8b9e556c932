import { collectDefaultMetrics, Counter, Registry } from 'prom-client'
import type { EventSubject, ModuleEvent } from '../../activities/events/moduleEvent.ts'
import type { RequestCounts } from '../../activities/kube/transport.ts'
import type { ClusterSnapshot } from '../../api/facts.ts'
import { addClusterMetrics } from './clusterMetrics.ts'
import { createEventMetrics } from './eventMetrics.ts'

/** How long the Temporal SDK's own page is waited for. */
const patienceMs = 2_000

/** What the page is made of. */
export interface MetricsSources {
  readonly cache: Pick<ClusterSnapshot, 'modules' | 'unreadableModules' | 'nodes'>
  /** Requests to the API server so far, by `<verb> <resource>`. */
  readonly requests: RequestCounts
  /** Where the Temporal SDK serves its own metrics; undefined when it does not. */
  readonly temporalUrl: string | undefined
}

export interface MetricsPage {
  readonly contentType: string
  observe(subject: EventSubject, event: ModuleEvent): void
  /** The text for Prometheus, with the Temporal SDK's metrics at its end. */
  text(): Promise<string>
}

/** Makes the page of one process. */
export function createMetricsPage({ cache, requests, temporalUrl }: MetricsSources): MetricsPage {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  addClusterMetrics(registry, cache)
  const count = createEventMetrics(registry)
  new Counter({
    name: 'kmm_kubernetes_requests_total',
    help: 'Requests to the Kubernetes API server.',
    labelNames: ['verb', 'resource'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [name, value] of requests) {
        const [verb = '', resource = ''] = name.split(' ')
        this.inc({ verb, resource }, value)
      }
    },
  })
  return {
    contentType: registry.contentType,
    observe: (_subject, event) => count(event),
    text: async () => `${await registry.metrics()}\n${await temporalText(temporalUrl)}`,
  }
}

async function temporalText(url: string | undefined): Promise<string> {
  if (url === undefined) return ''
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(patienceMs) })
    return answer.ok ? await answer.text() : ''
  } catch {
    // Half a page is better than none.
    return ''
  }
}
