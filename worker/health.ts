import { createServer, type Server } from 'node:http'
import { listen } from './listen.ts'

/** What readiness asks: undefined when well, otherwise what is wrong. May throw, and take its time. */
export type ReadinessCheck = () => string | undefined | Promise<string | undefined>

/** A check that has not answered by then has failed; well within the probe's own timeout. */
const patienceMs = 3_000

/**
 * `/healthz` says that the process lives, whatever it depends on; `/readyz` that API server and Temporal answer now.
 * `address` is host:port, `:port` means every interface.
 */
export async function serveHealth(
  address: string,
  checks: Readonly<Record<string, ReadinessCheck>>,
  timeoutMs = patienceMs,
): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`)
    switch (request.url) {
      case '/healthz':
        return void answer(200, 'ok')
      case '/readyz':
        return void faultsOf(checks, timeoutMs).then((faults) =>
          faults.length === 0 ? answer(200, 'ok') : answer(503, faults.join('\n')),
        )
      default:
        return void response.writeHead(404).end()
    }
  })
  await listen(server, address)
  return server
}

/** Never throws. */
async function faultsOf(
  checks: Readonly<Record<string, ReadinessCheck>>,
  timeoutMs: number,
): Promise<string[]> {
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
