import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/**
 * Something outside a Dockerfile's inputs on which its build depends: a command `wget URL` of a build fails or waits
 * while the gate is closed.
 */
export interface Gate {
  /** Refuses while closed: the build fails. */
  readonly pass: string
  /** Answers only when open: the build waits. */
  readonly wait: string
  /** How many requests have come. */
  readonly knocks: number
  open(): void
}

/** A closed gate on an address that pods reach; gone when the test ends. */
export async function openGate(address: string): Promise<Gate> {
  let open = false
  let knocks = 0
  const opened = Promise.withResolvers<void>()
  const server = createServer((request, response) => {
    knocks++
    const answer = (status: number) => response.writeHead(status).end(status === 200 ? 'open\n' : 'closed\n')
    if (request.url === '/pass') answer(open ? 200 : 503)
    else void opened.promise.then(() => answer(200))
  })
  server.listen(0, address)
  await once(server, 'listening')
  onTestFinished(() => {
    opened.resolve()
    server.close()
    server.closeAllConnections()
  })
  const url = `http://${address}:${(server.address() as AddressInfo).port}`
  return {
    pass: `${url}/pass`,
    wait: `${url}/wait`,
    get knocks() {
      return knocks
    },
    open() {
      open = true
      opened.resolve()
    },
  }
}
