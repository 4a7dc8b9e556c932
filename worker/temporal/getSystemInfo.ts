import { connect, constants, type IncomingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import { oneLine } from '../../api/oneLine.ts'
import type { Endpoint } from './endpoint.ts'
import { type TemporalFault, TemporalFaultError } from './faults.ts'
import { handshakeFault } from './tlsFault.ts'

/** Statuses of gRPC that are handled separately, as they are on the wire. */
const grpc = { ok: '0', permissionDenied: '7', unimplemented: '12', unavailable: '14', unauthenticated: '16' }

/** A gRPC frame with a message of no bytes: the request has no fields. */
const emptyMessage = Buffer.alloc(5)

/**
 * Calls WorkflowService.GetSystemInfo over a connected socket and resolves when the server grants it. Throws a
 * TemporalFaultError.
 */
export async function callGetSystemInfo(socket: Socket, endpoint: Endpoint): Promise<void> {
  const { tls, apiKey, address } = endpoint
  const { promise, resolve, reject } = Promise.withResolvers<IncomingHttpHeaders>()
  const fail = (fault: TemporalFault) => reject(new TemporalFaultError(fault))
  const broken = (error: unknown) => fail(tls === undefined ? { kind: 'closed' } : afterHandshake(error))
  socket.once('error', broken)
  const session = connect(`${tls === undefined ? 'http' : 'https'}://${address}`, {
    createConnection: () => socket,
  })
  session.on('error', broken)
  session.once('close', () => broken(new Error('the server closed the connection')))
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: '/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo',
    [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    [constants.HTTP2_HEADER_TE]: 'trailers',
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  })
  // The status comes in the trailers, or in the headers of an answer without a message.
  stream.on('response', (headers) => {
    if (headers['grpc-status'] !== undefined || headers[':status'] !== 200) resolve(headers)
  })
  stream.on('trailers', resolve)
  stream.on('error', broken)
  stream.resume()
  stream.end(emptyMessage)
  try {
    const fault = answerFault(await promise)
    if (fault !== undefined) throw new TemporalFaultError(fault)
  } finally {
    session.destroy()
  }
}

/** With TLS 1.3 a server refuses a client's certificate only after the client has ended its handshake. */
function afterHandshake(error: unknown): TemporalFault {
  const fault = handshakeFault(error)
  return fault.kind === 'clientCertificate'
    ? fault
    : { kind: 'handshake', reason: `the connection ended after it (${oneLine(error)})` }
}

/** Why the operator cannot work with a server that answers like this; undefined: it can. */
function answerFault(headers: IncomingHttpHeaders): TemporalFault | undefined {
  const status = headers['grpc-status']
  const text = headers['grpc-message']
  const reason = typeof text === 'string' ? oneLine(decode(text)) : ''
  switch (status) {
    case grpc.ok:
    // Servers before this call existed.
    case grpc.unimplemented:
      return undefined
    case grpc.permissionDenied:
    case grpc.unauthenticated:
      return { kind: 'unauthenticated', reason: reason || 'the server gives no reason' }
    case grpc.unavailable:
      return { kind: 'unreachable', reason: `the server is not available: ${reason}` }
    case undefined:
      return httpFault(Number(headers[':status']))
    default:
      return { kind: 'call', method: 'GetSystemInfo', reason: `${reason} (gRPC status ${oneLine(status)})` }
  }
}

function httpFault(status: number): TemporalFault {
  if (status === 401 || status === 403) return { kind: 'unauthenticated', reason: `HTTP ${status}` }
  if (status >= 502 && status <= 504)
    return { kind: 'unreachable', reason: `a gateway answers HTTP ${status}` }
  return {
    kind: 'notTemporal',
    reason: `the server does not answer as gRPC does (HTTP ${status})`,
  }
}

/** gRPC sends messages percent-encoded. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
