import { Runtime } from '@temporalio/worker'
import type { Logger } from 'pino'
import type { OperatorConfig } from '../api/config.ts'
import { installTemporalRuntime } from './log.ts'
import { isServed } from './metrics/start.ts'
import { chooseTemporalMetrics } from './metrics/temporalMetrics.ts'

/** The Temporal SDK's runtime. It is installed once, and its settings last as long as the process. */
export interface TemporalRuntime {
  /**
   * Installs it, with the metrics of the first configuration of the process. Answers where the SDK serves its metrics,
   * undefined when nowhere.
   */
  install(metrics: OperatorConfig['metrics']): Promise<string | undefined>
  /** Ends it: one that never had a connection does not end by itself, and keeps the process. */
  close(): Promise<void>
}

export function createTemporalRuntime(log: Logger): TemporalRuntime {
  let installed: Promise<string | undefined> | undefined
  const install = async (metrics: OperatorConfig['metrics']) => {
    const chosen = isServed(metrics) ? await chooseTemporalMetrics() : undefined
    installTemporalRuntime(log, chosen?.exporter)
    return chosen?.url
  }
  return {
    install: async (metrics) => await (installed ??= install(metrics)),
    async close() {
      if (installed !== undefined) await Runtime.instance().shutdown()
    },
  }
}
