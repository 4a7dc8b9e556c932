import { once } from 'node:events'
import type { Server } from 'node:net'

/** Listens on `host:port`; `:port` means every interface. Throws when it cannot, such as for a port that is taken. */
export async function listen(server: Server, address: string): Promise<void> {
  const colon = address.lastIndexOf(':')
  server.listen(Number(address.slice(colon + 1)), address.slice(0, colon))
  await once(server, 'listening')
}
