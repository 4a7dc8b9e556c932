import { isGrpcServiceError } from '@temporalio/client'
import type { TemporalFault } from './faults.ts'
import { oneLine } from '../../api/oneLine.ts'

/** Status codes of gRPC that are told apart. */
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
  const reason = oneLine(isGrpcServiceError(error) ? error.details || error.message : error)
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
