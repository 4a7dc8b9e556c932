import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A server of a test. */
export interface TestServer {
  /** `HOST:PORT`. */
  readonly host: string
  /** `METHOD PATH`, without the query, in the order of arrival. */
  readonly asked: readonly string[]
  /** The connections that were made to it. */
  readonly sockets: readonly Socket[]
}

/** A server on plain HTTP that does what it likes with each request; ends with the test. */
export async function hostileServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<TestServer> {
  const asked: string[] = []
  const server = createHttpServer((request, response) => {
    asked.push(`${request.method ?? ''} ${(request.url ?? '').split('?')[0] ?? ''}`)
    answer(request, response)
  })
  const sockets: Socket[] = []
  server.on('connection', (socket) => sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked, sockets }
}

/** Something inside that no request may reach: whatever asks gets what looks like a token. */
export async function victim(): Promise<TestServer> {
  const token = JSON.stringify({ access_token: 'internal-secret', token: 'internal-secret' })
  return await hostileServer((_request, response) => response.end(token))
}

/** A TCP server that treats its clients as `greet` does; ends with the test. Gives `HOST:PORT`. */
export async function rawServer(greet: (socket: Socket) => void): Promise<string> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    greet(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Writes until the client goes away. What is asked by HEAD takes no body, and so would never be full. */
export function writeForEver(response: ServerResponse, piece: string): void {
  if (response.req.method === 'HEAD') {
    response.end()
    return
  }
  const more = () => {
    while (!response.destroyed && response.write(piece));
  }
  response.on('drain', more)
  more()
}
