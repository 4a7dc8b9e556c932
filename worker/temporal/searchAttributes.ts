import { isGrpcServiceError } from '@temporalio/client'
import type { NativeConnection } from '@temporalio/worker'
import type { OperatorConfig } from '../../api/config.ts'
import { searchAttributeTypes } from '../../api/searchAttributes.ts'
import { callFault, grpcCodes, reasonOf } from './callFault.ts'
import { type TemporalFault, TemporalFaultError } from './faults.ts'

/** Names with the type as the command lines of Temporal take it. */
export type SearchAttributes = Readonly<Record<string, 'Keyword' | 'Bool'>>

/** The types as Temporal's API numbers them (IndexedValueType). */
const wireTypes = { Keyword: 2, Bool: 5 } as const

type Services = Pick<NativeConnection, 'workflowService' | 'operatorService'>

/**
 * Makes sure that the search attributes of the operator can be used in the namespace, and creates those that are
 * missing. Returns the fault; undefined: they can be used. Throws a TemporalFaultError.
 */
export async function ensureSearchAttributes(
  services: Services,
  { namespace }: Pick<OperatorConfig['temporal'], 'namespace'>,
): Promise<TemporalFault | undefined> {
  if (await canUse(services, namespace, searchAttributeTypes)) return undefined
  const { missing, wrong } = await compare(services, namespace)
  if (Object.keys(wrong).length > 0 || Object.keys(missing).length === 0)
    return { kind: 'searchAttributes', missing: searchAttributeTypes, wrong, reason: undefined }
  const reason = await create(services, namespace, missing)
  return { kind: 'searchAttributes', missing, wrong, reason }
}

/**
 * Everybody who may work in a namespace may send queries, also in Temporal Cloud, and a query is refused as long as one
 * of its attributes is unknown or of another type.
 */
async function canUse(
  { workflowService }: Services,
  namespace: string,
  attributes: SearchAttributes,
): Promise<boolean> {
  const query = Object.entries(attributes)
    .map(([name, type]) => `${name} = ${type === 'Bool' ? 'true' : "'none'"}`)
    .join(' AND ')
  try {
    await workflowService.countWorkflowExecutions({ namespace, query })
    return true
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === grpcCodes.invalidArgument) return false
    throw new TemporalFaultError(callFault('CountWorkflowExecutions', error))
  }
}

/** What is missing, and what is there with another type than it needs. */
async function compare(
  services: Services,
  namespace: string,
): Promise<{ readonly missing: SearchAttributes; readonly wrong: SearchAttributes }> {
  const wanted = Object.entries(searchAttributeTypes)
  const found = await services.operatorService.listSearchAttributes({ namespace }).then(
    ({ customAttributes }) => customAttributes,
    () => undefined,
  )
  if (found !== undefined) {
    return {
      missing: Object.fromEntries(wanted.filter(([name]) => found[name] === undefined)),
      wrong: Object.fromEntries(
        wanted.filter(([name, type]) => found[name] !== undefined && found[name] !== wireTypes[type]),
      ),
    }
  }
  // Not everybody may list them: each is queried by itself.
  const queried = wanted.map(async (entry) => ({
    entry,
    isThere: await canUse(services, namespace, Object.fromEntries([entry])),
  }))
  const missing = (await Promise.all(queried)).filter(({ isThere }) => !isThere).map(({ entry }) => entry)
  return { missing: Object.fromEntries(missing), wrong: {} }
}

/** Why they could not be created; undefined: they were, by us or by another replica. */
async function create(
  { operatorService }: Services,
  namespace: string,
  missing: SearchAttributes,
): Promise<string | undefined> {
  const searchAttributes = Object.fromEntries(
    Object.entries(missing).map(([name, type]) => [name, wireTypes[type]]),
  )
  try {
    await operatorService.addSearchAttributes({ namespace, searchAttributes })
    return undefined
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === grpcCodes.alreadyExists) return undefined
    return reasonOf(error)
  }
}
