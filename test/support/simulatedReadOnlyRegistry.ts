import { createServer } from 'node:http'
import { listen } from './listen.ts'

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
  return await listen(server, address)
}
