import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** An HTTP proxy of a test. `asked`: targets of CONNECT, with the authorization if there was one. */
export interface ConnectProxy {
  readonly url: string
  readonly asked: readonly string[]
}

/**
 * Starts a proxy that opens tunnels to `target` whatever name is asked for, or refuses with a status. `together`: its
 * answer comes with the first bytes of the target.
 */
export async function connectProxy(
  target: { readonly port: number; readonly together?: boolean } | number,
): Promise<ConnectProxy> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  }
  const server = createServer((_request, response) => response.writeHead(405).end())
  server.on('connect', (request, client: Socket) => {
    const { 'proxy-authorization': authorization } = request.headers
    asked.push([request.url, ...(authorization === undefined ? [] : [authorization])].join(' '))
    keep(client)
    if (typeof target === 'number') {
      client.end(`HTTP/1.1 ${target} Refused\r\n\r\n`)
      return
    }
    const upstream = connect(target.port, '127.0.0.1')
    upstream.once(target.together === true ? 'data' : 'connect', (first?: Buffer) => {
      client.write(`HTTP/1.1 200 Connection established\r\n\r\n${first?.toString('latin1') ?? ''}`, 'latin1')
      upstream.pipe(client).pipe(upstream)
    })
    keep(upstream)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    sockets.forEach((socket) => socket.destroy())
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}
