import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { AddressRules } from '../addresses.ts'

/** The scripted registries are on this machine. */
export const onThisMachine: AddressRules = { privateAddresses: 'allow', allowedHosts: ['127.0.0.1'] }

/** An answer; without one for its path a request gets 404. */
export interface Scripted {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** What was asked: `HEAD /v2/a/manifests/1 Bearer t` (authorization last, if there was one). */
export type Script = (asked: {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly accept: string
  readonly authorization: string | undefined
  readonly body: string
}) => Scripted | 'drop' | 'hang' | undefined

/** A server on plain HTTP that answers by a script; ends with the test. Gives its `host:port` and what was asked. */
export async function scriptedRegistry(script: Script): Promise<{ host: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      const url = new URL(request.url ?? '/', 'http://localhost')
      const { authorization, accept = '' } = request.headers
      const method = request.method ?? ''
      asked.push([method, url.pathname, ...(authorization === undefined ? [] : [authorization])].join(' '))
      const answer = script({
        method,
        path: url.pathname,
        query: url.searchParams,
        accept,
        authorization,
        body,
      }) ?? {
        status: 404,
      }
      if (answer === 'drop') request.socket.destroy()
      else if (answer !== 'hang') {
        response.writeHead(answer.status ?? 200, answer.headers)
        response.end(method === 'HEAD' ? undefined : answer.body)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

export function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}

/** A registry's error answer. */
export function refusal(status: number, code: string, headers: Record<string, string> = {}): Scripted {
  return { status, headers, body: JSON.stringify({ errors: [{ code, message: 'a message' }] }) }
}
