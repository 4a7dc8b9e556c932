import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A registry that has nothing and takes nothing, on an address that pods reach. `host`: HOST:PORT. */
export async function simulateReadOnlyRegistry(
  address: string,
): Promise<{ readonly host: string; readonly close: () => void }> {
  const server = createServer((request, response) => {
    const answer = (status: number, code: string) =>
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ errors: [{ code, message: code }] }))
    if (request.url === '/v2/') response.writeHead(200).end('{}')
    else if (request.method === 'GET' || request.method === 'HEAD') answer(404, 'MANIFEST_UNKNOWN')
    else answer(405, 'UNSUPPORTED')
  })
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
