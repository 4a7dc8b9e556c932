import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Starts a server on a free port. Gives `HOST:PORT`, and what ends it with its connections. */
export async function listen(server: Server, address: string): Promise<{ host: string; close: () => void }> {
  server.listen(0, address)
  await once(server, 'listening')
  return {
    host: `${address}:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
