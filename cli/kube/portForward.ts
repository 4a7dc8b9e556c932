import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { PassThrough, Writable, type Duplex } from 'node:stream'
import { PortForward, type KubeConfig } from '@kubernetes/client-node'

/** A port of a pod, as a port of this machine. */
export interface Forward {
  /** 127.0.0.1:PORT */
  readonly address: string
  /** What was last said of a connection that could not be made. */
  readonly trouble: () => string | undefined
  readonly close: () => void
}

/** What is used of a WebSocket. */
interface Channel {
  readonly close: () => void
  readonly addEventListener: (event: 'close', heard: () => void) => void
}

/**
 * Forwards connections to a port of this machine to a port of a pod, through the API server as `kubectl port-forward`
 * does. One is made first to see whether that is possible: throws why not.
 */
export async function forwardPort(
  config: KubeConfig,
  pod: { readonly namespace: string; readonly name: string },
  port: number,
): Promise<Forward> {
  const forwarder = new PortForward(config)
  let trouble: string | undefined
  const errors = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (chunk.length > 0) trouble = chunk.toString('utf8').trim()
      done()
    },
  })
  const connect = async (stream: Duplex): Promise<Channel> => {
    const { namespace, name } = pod
    // It gives a function only when it is to try again.
    return (await forwarder.portForward(namespace, name, [port], stream, errors, stream)) as Channel
  }
  const sockets = new Set<Socket>()
  const serve = async (socket: Socket): Promise<void> => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    try {
      const channel = await connect(socket)
      channel.addEventListener('close', () => void socket.destroy())
      socket.once('close', () => channel.close())
      if (socket.destroyed) channel.close()
    } catch (error) {
      trouble = messageOf(error)
      socket.destroy()
    }
  }

  const first = await connect(new PassThrough()).catch((error: unknown) => {
    throw new Error(messageOf(error))
  })
  first.close()
  const server = createServer((socket) => void serve(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    trouble: () => trouble,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** A WebSocket fails with an event, not with an Error. */
function messageOf(error: unknown): string {
  const { message } = error as { readonly message?: unknown }
  return typeof message === 'string' ? message : String(error)
}
