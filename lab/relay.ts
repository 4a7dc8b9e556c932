import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'

/** Hands connections on to another port. */
export interface Relay {
  readonly port: number
  /** Drops all connections, and each new one, until `restore`. */
  readonly cut: () => void
  readonly restore: () => void
  readonly close: () => void
}

/**
 * Lets pods, at `address`, reach HOST:PORT of this machine, until `close`. `tls`: clients speak TLS, which ends here.
 * `port`: where it listens; by default a free one.
 */
export async function openRelay(
  address: string,
  target: string,
  { tls, port: listenPort = 0 }: { readonly tls?: TlsOptions; readonly port?: number } = {},
): Promise<Relay> {
  const [host = '', port = ''] = target.split(':')
  const open = new Set<() => void>()
  let isCut = false
  const accept = (socket: Socket) => {
    if (isCut) return void socket.destroy()
    const onward = connect(Number(port), host)
    const end = () => {
      open.delete(end)
      socket.destroy()
      onward.destroy()
    }
    open.add(end)
    for (const side of [socket, onward]) side.on('error', end).on('close', end)
    socket.pipe(onward).pipe(socket)
  }
  const server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept)
  // It keeps no process alive that has nothing else to do.
  server.listen(listenPort, address).unref()
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      isCut = true
      for (const end of open) end()
    },
    restore: () => void (isCut = false),
    close: () => {
      server.close()
      for (const end of open) end()
    },
  }
}

/** A relay to an API server, and at `file` the kubeconfig that goes through it. */
export async function openApiServerRelay(
  { server, kubeconfig }: { readonly server: string; readonly kubeconfig: string },
  file: string,
): Promise<Relay> {
  const relay = await openRelay('127.0.0.1', new URL(server).host)
  const text = readFileSync(kubeconfig, 'utf8')
  writeFileSync(file, text.replaceAll(server, `https://127.0.0.1:${relay.port}`))
  return relay
}
