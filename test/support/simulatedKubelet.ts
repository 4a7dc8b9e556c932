import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import { connect, type AddressInfo } from 'node:net'
import { selfSigned } from '../../worker/selfSigned.ts'

/** Of the package with which client-node speaks WebSocket too; it brings no types. */
interface WebSocket {
  send(data: Buffer): void
  close(): void
  on(event: 'message', heard: (data: Buffer) => void): void
  on(event: 'close', heard: () => void): void
}
interface WebSocketServer {
  on(event: 'connection', heard: (socket: WebSocket, request: IncomingMessage) => void): void
}
const ws = createRequire(createRequire(import.meta.url).resolve('@kubernetes/client-node'))('ws') as {
  readonly WebSocketServer: new (options: object) => WebSocketServer
}

/** What a kubelet does for port forwarding, and nothing else of it. */
export interface SimulatedKubelet {
  readonly port: number
  /** Paths that were asked for. */
  readonly asked: readonly string[]
  /** Connections that stand. */
  readonly open: () => number
  close(): void
}

/** Forwards any pod's port to a port of this machine, in the protocol `v4.channel.k8s.io`: streams 0 and 1 of one port. */
export async function startSimulatedKubelet(targetPort: number): Promise<SimulatedKubelet> {
  const asked: string[] = []
  let open = 0
  const server = createServer(selfSigned('kubelet'))
  const sockets = new ws.WebSocketServer({ server, handleProtocols: () => 'v4.channel.k8s.io' })
  sockets.on('connection', (socket, request) => {
    asked.push(request.url ?? '')
    open++
    const port = Buffer.alloc(2)
    port.writeUInt16LE(targetPort)
    for (const stream of [0, 1]) socket.send(Buffer.concat([Buffer.of(stream), port]))
    const target = connect(targetPort, '127.0.0.1')
    target.on('data', (data) => socket.send(Buffer.concat([Buffer.of(0), data])))
    target.on('error', () => socket.close())
    target.on('close', () => socket.close())
    socket.on('message', (data) => target.write(data.subarray(1)))
    socket.on('close', () => {
      open--
      target.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    open: () => open,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
