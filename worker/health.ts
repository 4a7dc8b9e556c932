import { createServer, type Server } from 'node:http'
import { once } from 'node:events'

/** What readiness asks: undefined when well, otherwise what is wrong. */
export type ReadinessCheck = () => string | undefined

/**
 * `/healthz` says that the process lives, whatever it depends on; `/readyz` that API server and Temporal are there.
 * `address` is host:port, `:port` means every interface.
 */
export async function serveHealth(
  address: string,
  checks: Readonly<Record<string, ReadinessCheck>>,
): Promise<Server> {
  const server = createServer((request, response) => {
    const answer =
      request.url === '/healthz'
        ? { ok: true, text: 'ok' }
        : request.url === '/readyz'
          ? ready(checks)
          : undefined
    if (answer === undefined) return void response.writeHead(404).end()
    response.writeHead(answer.ok ? 200 : 503, { 'content-type': 'text/plain' }).end(`${answer.text}\n`)
  })
  // An empty host is every interface.
  const colon = address.lastIndexOf(':')
  server.listen(Number(address.slice(colon + 1)), address.slice(0, colon))
  await once(server, 'listening')
  return server
}

function ready(checks: Readonly<Record<string, ReadinessCheck>>): { ok: boolean; text: string } {
  const faults = Object.entries(checks).flatMap(([name, check]) => {
    const fault = check()
    return fault === undefined ? [] : [`${name}: ${fault}`]
  })
  return faults.length === 0 ? { ok: true, text: 'ok' } : { ok: false, text: faults.join('\n') }
}
