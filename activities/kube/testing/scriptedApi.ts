import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A request that waits for its answer from the test. */
export interface Call {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  /** Answers whole. */
  json(status: number, body: unknown, headers?: Record<string, string>): void
  /** Writes a line of a watch and leaves the answer open. */
  frame(type: string, object: unknown): void
  /** Writes raw bytes and leaves the answer open. */
  write(text: string): void
  /** Begins the answer without a byte of it. */
  open(): void
  end(): void
  /** Breaks the connection. */
  drop(): void
  /** Resolves when the client has given up. */
  readonly closed: Promise<void>
}

/** An API server that does what the test says, request by request. */
export interface ScriptedApi {
  readonly kubeconfig: string
  /** The next request that comes in. */
  next(): Promise<Call>
  /** Requests that came in and were not asked for. */
  readonly unread: number
  /** Connections taken so far. */
  readonly connections: number
  close(): Promise<void>
}

/** Starts one on a free port, with a kubeconfig in a temporary folder. */
export async function startScriptedApi(): Promise<ScriptedApi> {
  const calls: Call[] = []
  const readers: ((call: Call) => void)[] = []
  let connections = 0
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://localhost')
      const call: Call = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body,
        ...answers(response),
      }
      const reader = readers.shift()
      if (reader === undefined) calls.push(call)
      else reader(call)
    })
  })
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const dir = mkdtempSync(join(tmpdir(), 'kmm-scripted-'))
  const kubeconfig = join(dir, 'kubeconfig')
  const { port } = server.address() as AddressInfo
  writeFileSync(kubeconfig, JSON.stringify(config(`http://127.0.0.1:${port}`)))
  return {
    kubeconfig,
    next: async () => calls.shift() ?? (await new Promise((resolve) => readers.push(resolve))),
    get unread() {
      return calls.length
    },
    get connections() {
      return connections
    },
    async close() {
      rmSync(dir, { recursive: true, force: true })
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answers(response: ServerResponse) {
  const open = () => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
  }
  return {
    json(status: number, body: unknown, headers: Record<string, string> = {}) {
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(JSON.stringify(body))
    },
    frame(type: string, object: unknown) {
      open()
      response.write(`${JSON.stringify({ type, object })}\n`)
    },
    write(text: string) {
      open()
      response.write(text)
    },
    open,
    end: () => void response.end(),
    drop: () => void response.socket?.destroy(),
    closed: new Promise<void>((resolve) => response.once('close', resolve)),
  }
}

function config(server: string) {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 'secret-token' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
}
