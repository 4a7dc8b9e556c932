import { isGrpcServiceError } from '@temporalio/client'
import { msToTs } from '@temporalio/common/lib/time.js'
import type { NativeConnection } from '@temporalio/worker'
import type { OperatorConfig } from '../../api/config.ts'
import { callFault, grpcCodes } from './callFault.ts'
import { type TemporalFault, TemporalFaultError } from './faults.ts'

/** How long a namespace that the operator creates keeps the histories of ended runs. */
const retention = '30 days'

/**
 * Makes sure that the namespace exists; creates it when `createNamespace` is set. Returns the fault; undefined: the
 * namespace exists. Throws a TemporalFaultError.
 */
export async function ensureNamespace(
  { workflowService }: Pick<NativeConnection, 'workflowService'>,
  { namespace, createNamespace }: Pick<OperatorConfig['temporal'], 'namespace' | 'createNamespace'>,
): Promise<TemporalFault | undefined> {
  try {
    await workflowService.describeNamespace({ namespace })
    return undefined
  } catch (error) {
    if (!isGrpcServiceError(error) || error.code !== grpcCodes.notFound)
      throw new TemporalFaultError(callFault('DescribeNamespace', error))
  }
  if (!createNamespace) return { kind: 'namespaceNotFound' }
  try {
    await workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs(retention),
      description: 'Kernel modules, managed by kmm-temporal',
    })
  } catch (error) {
    if (!isGrpcServiceError(error) || error.code !== grpcCodes.alreadyExists) return refused(error)
  }
  return { kind: 'namespaceCreated' }
}

function refused(error: unknown): TemporalFault {
  const fault = callFault('RegisterNamespace', error)
  return 'reason' in fault && fault.reason !== undefined
    ? { kind: 'namespaceRefused', reason: fault.reason }
    : fault
}
