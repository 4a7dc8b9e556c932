import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import type { MetricsExporterConfig } from '@temporalio/worker'

/** Where the Temporal SDK serves its metrics, on the loopback interface, for this process to read. */
export interface TemporalMetrics {
  readonly exporter: MetricsExporterConfig
  readonly url: string
}

/** Chooses a free port for the SDK's exporter, which cannot say which one it took. */
export async function chooseTemporalMetrics(): Promise<TemporalMetrics> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const bindAddress = `127.0.0.1:${port}`
  return {
    exporter: {
      attachServiceName: false,
      prometheus: { bindAddress, countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true },
    },
    url: `http://${bindAddress}/metrics`,
  }
}
