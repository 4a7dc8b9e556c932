import { Context } from '@temporalio/activity'
import type { OperatorConfig } from '../../api/config.ts'
import type { ResolvedMapping } from '../../api/mapping.ts'
import { readAuthorities } from '../registry/authorities.ts'
import type { CheckOptions } from '../registry/checkImage.ts'

type Access = Pick<CheckOptions, 'insecure' | 'insecureSkipTLSVerify' | 'addresses' | 'ca' | 'signal'>

/**
 * How this activity reaches a registry: by the TLS settings of a Module, and what the configuration says of all.
 * @throws AuthoritiesError
 */
export function registryAccess(
  registry: OperatorConfig['registry'],
  { insecure = false, insecureSkipTLSVerify = false }: ResolvedMapping['registryTLS'],
): Access {
  const { caFile } = registry
  return {
    insecure,
    insecureSkipTLSVerify,
    addresses: registry,
    ...(caFile === undefined ? {} : { ca: readAuthorities(caFile) }),
    signal: Context.current().cancellationSignal,
  }
}
