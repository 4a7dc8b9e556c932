import { once } from 'node:events'
import { request } from 'node:http'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { oneLine } from '../../api/oneLine.ts'
import type { Endpoint, TlsMaterial } from './endpoint.ts'
import { type TemporalFault, TemporalFaultError } from './faults.ts'
import { callGetSystemInfo } from './getSystemInfo.ts'
import { addressOf, type Proxy } from './proxy.ts'
import { codeOf, handshakeFault } from './tlsFault.ts'

/** For one attempt, from the lookup of the name to the answer, in milliseconds. */
const patienceMs = 15_000

/**
 * Finds out why Temporal cannot be reached: resolves the name, connects (through the proxy), does the TLS handshake and
 * calls GetSystemInfo, as the SDK would, but with errors that have codes. Undefined: the server answers.
 */
export async function probeTemporal(
  endpoint: Endpoint,
  signal: AbortSignal,
  timeoutMs = patienceMs,
): Promise<TemporalFault | undefined> {
  const late = AbortSignal.timeout(timeoutMs)
  const ending = AbortSignal.any([signal, late])
  // The outermost socket: it ends those below it, and ending them first crashes Node.
  let outermost: Socket | undefined
  const keep = (socket: Socket): Socket => {
    // An error that comes when nobody listens any more must not end the process.
    outermost = socket.on('error', () => undefined)
    return socket
  }
  ending.addEventListener('abort', () => outermost?.destroy(), { once: true })
  try {
    const plain = await open(endpoint, keep, ending)
    const { tls } = endpoint
    const socket = tls === undefined ? plain : await handshake(endpoint.host, tls, plain, keep)
    await callGetSystemInfo(socket, endpoint)
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    if (late.aborted) return { kind: 'unreachable', reason: `no answer within ${timeoutMs / 1000} s` }
    if (error instanceof TemporalFaultError) return error.fault
    throw error
  } finally {
    outermost?.destroy()
  }
}

type Keep = (socket: Socket) => Socket

async function open({ host, port, proxy }: Endpoint, keep: Keep, signal: AbortSignal): Promise<Socket> {
  if (proxy !== undefined) return await tunnel(proxy, host, port, keep, signal)
  const socket = keep(connectTcp({ host, port }))
  try {
    await once(socket, 'connect', { signal })
    return socket
  } catch (error) {
    throw new TemporalFaultError(connectFault(error, host))
  }
}

function connectFault(error: unknown, host: string): TemporalFault {
  switch (codeOf(error)) {
    case 'ENOTFOUND':
      return { kind: 'nameNotFound', host }
    case 'EAI_AGAIN':
      return { kind: 'unreachable', reason: `the name server gave no answer for ${host}` }
    case 'ECONNREFUSED':
      return { kind: 'refused' }
    default:
      return { kind: 'unreachable', reason: oneLine(error) }
  }
}

async function tunnel(
  proxy: Proxy,
  host: string,
  port: number,
  keep: Keep,
  signal: AbortSignal,
): Promise<Socket> {
  const { login } = proxy
  const target = addressOf({ host, port })
  const named = addressOf(proxy)
  const authorization =
    login && `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
  const connecting = request({
    host: proxy.host,
    port: proxy.port,
    method: 'CONNECT',
    path: target,
    headers: {
      host: target,
      ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
    },
    agent: false,
    signal,
  })
  connecting.end()
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const fail = (reason: string) => reject(new TemporalFaultError({ kind: 'proxy', proxy: named, reason }))
  connecting.on('error', (error) => fail(oneLine(error)))
  connecting.on('response', ({ statusCode }) => fail(`answered ${statusCode} to CONNECT ${target}`))
  connecting.on('connect', ({ statusCode }, socket, head) => {
    keep(socket as Socket)
    // A server without TLS speaks first, maybe together with the proxy's answer.
    socket.unshift(head)
    if (statusCode === 200) resolve(socket as Socket)
    else fail(`answered ${statusCode} to CONNECT ${target}`)
  })
  return await promise
}

async function handshake(
  host: string,
  { ca, pair, serverName }: TlsMaterial,
  plain: Socket,
  keep: Keep,
): Promise<Socket> {
  const name = serverName ?? host
  const socket = connectTls({
    socket: plain,
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ca,
    ...pair,
    ALPNProtocols: ['h2'],
  })
  keep(socket)
  const closed = once(socket, 'close').then(() => {
    throw new TemporalFaultError({ kind: 'plainServer' })
  })
  try {
    await Promise.race([once(socket, 'secureConnect'), closed])
  } catch (error) {
    throw new TemporalFaultError(handshakeFault(error))
  } finally {
    closed.catch(() => undefined)
  }
  if (socket.alpnProtocol === 'h2') return socket
  throw new TemporalFaultError({ kind: 'notTemporal', reason: 'the server does not speak HTTP/2' })
}
