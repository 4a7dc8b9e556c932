import { createServer as createHttp, type RequestListener, type Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { Logger } from 'pino'
import type { OperatorConfig } from '../../api/config.ts'
import { listen } from '../listen.ts'
import { selfSigned } from '../selfSigned.ts'
import type { Access } from './access.ts'
import type { MetricsPage } from './page.ts'

export const metricsPath = '/metrics'

export interface MetricsServerOptions {
  readonly settings: OperatorConfig['metrics']
  readonly page: Pick<MetricsPage, 'contentType' | 'text'>
  /** Says of an Authorization header whether its sender may read. */
  readonly access: (authorization: string | undefined) => Promise<Access>
  readonly log: Pick<Logger, 'warn'>
}

/**
 * Serves the metrics on `metrics.bindAddress`: over TLS with a certificate of its own (`secureServing`), to those who
 * may (`enableAuthnAuthz`).
 */
export async function serveMetrics({ settings, page, access, log }: MetricsServerOptions): Promise<Server> {
  const { bindAddress, enableAuthnAuthz, secureServing } = settings
  const answer: RequestListener = (request, response) => {
    const reply = async (): Promise<void> => {
      if (request.url !== metricsPath) return void response.writeHead(404).end()
      const may = enableAuthnAuthz ? await access(request.headers.authorization) : 200
      if (may !== 200) return void response.writeHead(may).end()
      response.writeHead(200, { 'content-type': page.contentType }).end(await page.text())
    }
    reply().catch((error: unknown) => {
      log.warn({ err: error }, 'could not answer a request for metrics')
      response.writeHead(500).end()
    })
  }
  const server = secureServing ? createHttps(selfSigned('kmm-operator-metrics'), answer) : createHttp(answer)
  await listen(server, bindAddress)
  return server
}
