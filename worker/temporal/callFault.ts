import { isGrpcServiceError } from '@temporalio/client'
import { oneLine } from '../../api/oneLine.ts'
import type { TemporalFault } from './faults.ts'

/** Status codes of gRPC that are handled separately. */
export const grpcCodes = {
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  unavailable: 14,
  unauthenticated: 16,
} as const

/** What it means that a call in the namespace failed. */
export function callFault(method: string, error: unknown): TemporalFault {
  const reason = reasonOf(error)
  switch (isGrpcServiceError(error) ? Number(error.code) : undefined) {
    case grpcCodes.permissionDenied:
    case grpcCodes.unauthenticated:
      return { kind: 'unauthenticated', reason }
    case grpcCodes.notFound:
      return { kind: 'namespaceCreated' }
    case grpcCodes.unavailable:
      return { kind: 'unreachable', reason }
    default:
      return { kind: 'call', method, reason }
  }
}

/** Why a call failed, in one line: the server's own words where it answered. */
export function reasonOf(error: unknown): string {
  return oneLine(isGrpcServiceError(error) ? error.details || error.message : error)
}
