import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { listen } from './listen.ts'

/** Resolves with what is wrong, undefined: nothing. May throw, and take its time. */
export type ReadinessCheck = () => string | undefined | Promise<string | undefined>
export type ReadinessChecks = Readonly<Record<string, ReadinessCheck>>

/**
 * `/healthz` answers 200 as long as the process lives, whatever it depends on; `/readyz` when every check passes now.
 * Both are served through all configurations of a process.
 */
export interface Health {
  /** Replaces the checks of `/readyz`. Before the first call it is not ready. */
  setChecks(checks: ReadinessChecks): void
  /** Replaces the lines that `/readyz` adds to its answer without effect on the status. */
  setNotes(notes: readonly string[]): void
  /**
   * Serves on `address`, which is host:port or `:port` for every interface, and on no other any more. Throws, and
   * changes nothing, when it cannot.
   */
  listen(address: string): Promise<void>
  /** The port that is served. */
  port(): number
  close(): void
}

/** A check that has not answered by then has failed; well within the probe's own timeout. */
const patienceMs = 3_000

export function createHealth(timeoutMs = patienceMs): Health {
  let checks: ReadinessChecks = { operator: () => 'it is starting' }
  let notes: readonly string[] = []
  let served: { readonly address: string; readonly server: Server } | undefined
  const handle: RequestListener = (request, response) => {
    const answer = (status: number, lines: readonly string[]) =>
      response.writeHead(status, { 'content-type': 'text/plain' }).end(`${lines.join('\n')}\n`)
    switch (request.url) {
      case '/healthz':
        return void answer(200, ['ok'])
      case '/readyz':
        return void faultsOf(checks, timeoutMs).then((faults) =>
          faults.length === 0 ? answer(200, ['ok', ...notes]) : answer(503, [...faults, ...notes]),
        )
      default:
        return void response.writeHead(404).end()
    }
  }
  return {
    setChecks: (next) => (checks = next),
    setNotes: (next) => (notes = next),
    async listen(address) {
      if (served?.address === address) return
      const server = createServer(handle)
      await listen(server, address)
      served?.server.close()
      served = { address, server }
    },
    port: () => (served?.server.address() as AddressInfo | undefined)?.port ?? 0,
    close() {
      served?.server.close()
      served = undefined
    },
  }
}

/** Never throws. */
async function faultsOf(checks: ReadinessChecks, timeoutMs: number): Promise<string[]> {
  const faults = Object.entries(checks).map(async ([name, check]) => {
    const fault = await faultOf(check, timeoutMs)
    return fault === undefined ? [] : [`${name}: ${fault}`]
  })
  return (await Promise.all(faults)).flat()
}

async function faultOf(check: ReadinessCheck, timeoutMs: number): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${timeoutMs} ms`), timeoutMs)
  })
  try {
    return await Promise.race([Promise.resolve().then(check), late])
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    clearTimeout(timer)
  }
}
