import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import { eventually } from './eventually.ts'

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
  /** Waits until as many requests have come, and no more. */
  untilKnocked(times?: number): Promise<void>
  open(): void
  /** Ends it; who waits is let through. */
  close(): void
}

/** A closed gate on an address that pods reach. */
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
  const url = `http://${address}:${(server.address() as AddressInfo).port}`
  return {
    pass: `${url}/pass`,
    wait: `${url}/wait`,
    get knocks() {
      return knocks
    },
    async untilKnocked(times = 1) {
      const check = (seen: number) => expect(seen).toBe(times)
      await eventually(`builds at the gate: ${times}`, () => knocks, check)
    },
    open() {
      open = true
      opened.resolve()
    },
    close() {
      opened.resolve()
      server.close()
      server.closeAllConnections()
    },
  }
}
