import type { PodObject } from '../../api/kubernetesObjects.ts'
import { operatorNamespace } from '../args/commonFlags.ts'
import type { Call } from '../call.ts'
import { CliError, exitCodes } from '../exitCodes.ts'
import type { Forward } from '../kube/portForward.ts'
import { kinds, type ServiceObject, type StoredObject } from '../kube/resources.ts'
import { serviceOf, type ServiceAddress } from './serviceOf.ts'

type ServicePod = StoredObject & {
  readonly spec?: {
    readonly containers?: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[]
    }[]
  }
  readonly status?: PodObject['status']
}

/**
 * A way to an address that only the cluster's own pods know: a port-forward to a pod behind the Service that it names.
 * Undefined when the address names no Service of the cluster. Throws ForbiddenError and CliError.
 */
export async function openTunnel(call: Call, address: string): Promise<Forward | undefined> {
  const { cluster } = call
  const named = serviceOf(address, operatorNamespace(call))
  if (named === undefined) return undefined
  // Who may not look for it may still reach the address.
  const service = await call.orNote(undefined, () => cluster.get<ServiceObject>(kinds.services, named))
  if (service === undefined) return undefined
  const labelSelector = Object.entries(service.spec?.selector ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
  // Without a selector somebody else says what is behind it, such as an address outside the cluster.
  if (labelSelector === '') return undefined
  const { namespace } = named
  const { items } = await cluster.list<ServicePod>(kinds.pods, { namespace }, { labelSelector })
  const pod = items.find(isReady)
  if (pod === undefined) {
    throw new CliError(
      `Temporal's Service ${namespace}/${named.name} has no pod that is Ready.`,
      exitCodes.failed,
    )
  }
  return await cluster.forward({ namespace, name: pod.metadata.name }, portOf(service, named, pod))
}

function isReady({ status }: ServicePod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false
}

/** The pod's port behind a Service's port, which may be named. */
function portOf({ spec }: ServiceObject, { name, port }: ServiceAddress, pod: ServicePod): number {
  const target = spec?.ports?.find((candidate) => candidate.port === port)?.targetPort ?? port
  if (typeof target === 'number') return target
  const ports = pod.spec?.containers?.flatMap((container) => container.ports ?? []) ?? []
  const found = ports.find((candidate) => candidate.name === target)?.containerPort
  if (found !== undefined) return found
  throw new CliError(
    `Pod ${pod.metadata.name} has no port ${target}, which Service ${name} is for.`,
    exitCodes.failed,
  )
}
