import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'

/** A door for one build: HTTPS to one host, nothing else. */
export interface Egress {
  /** For HTTPS_PROXY. */
  readonly url: string
  close(): Promise<void>
}

/**
 * Pods of the lab reach this machine only. This proxy lets them tunnel (CONNECT) to one host and port through the
 * machine's own network, and refuses every other; `address` is the machine's address for pods.
 */
export async function openEgress(address: string, host: string, port: number): Promise<Egress> {
  const server = createServer((_request, response) => void response.writeHead(405).end())
  server.on('connect', (request, client, head) => {
    client.on('error', () => client.destroy())
    if (request.url !== `${host}:${port}`) return void client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    const upstream = connect({ host, port }, () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      upstream.write(head)
      upstream.pipe(client)
      client.pipe(upstream)
    })
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
  })
  server.listen(0, address)
  await once(server, 'listening')
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the proxy for builds has no port')
  return {
    url: `http://${address}:${bound.port}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
