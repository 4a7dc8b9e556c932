import { Client, Connection } from '@temporalio/client'
import { operatorNamespace } from '../args/commonFlags.ts'
import type { Call } from '../call.ts'
import { operatorConfigMap, readOperatorConfig } from '../cluster/operatorConfig.ts'
import { CliError, exitCodes } from '../exitCodes.ts'
import type { Forward } from '../kube/portForward.ts'
import { openTunnel } from './tunnel.ts'

/** Where Temporal is, and who says so. */
export interface TemporalPlace {
  readonly address: string
  readonly namespace: string
  readonly source: 'user' | 'operator'
}

/**
 * By flag or environment, else as the operator's own configuration says, as far as this user may read it; undefined
 * when nobody says.
 */
export async function temporalPlace(call: Call): Promise<TemporalPlace | undefined> {
  const { env } = call.surroundings
  const address = call.flag('temporal-address') ?? (env['TEMPORAL_ADDRESS'] || undefined)
  const namespace = call.flag('temporal-namespace') ?? (env['TEMPORAL_NAMESPACE'] || undefined)
  if (address !== undefined) return { address, namespace: namespace ?? 'default', source: 'user' }
  const own = (await readOperatorConfig(call.cluster, operatorNamespace(call)))?.temporal
  return own && { address: own.address, namespace: namespace ?? own.namespace, source: 'operator' }
}

/** The same for commands that cannot do without. Throws a CliError that says where to look. */
export async function neededPlace(call: Call, what: string): Promise<TemporalPlace> {
  const place = await temporalPlace(call)
  if (place !== undefined) return place
  throw new CliError(
    `${what} is kept in Temporal: give --temporal-address HOST:PORT, or set TEMPORAL_ADDRESS. The operator's own is ` +
      `temporal.address in its configuration (ConfigMap ${operatorConfigMap}), which could not be read here.`,
    exitCodes.usage,
  )
}

/**
 * Does something with Temporal, then closes the connection. An address of the operator's that is a Service of the
 * cluster is reached by a port-forward with the user's own rights. TEMPORAL_API_KEY, when it is set, is sent over TLS.
 * Throws a CliError when Temporal does not answer.
 */
export async function withTemporal<T>(
  call: Call,
  place: TemporalPlace,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const { address, namespace } = place
  const tunnel = await tunnelTo(call, place)
  const apiKey = call.surroundings.env['TEMPORAL_API_KEY'] ?? ''
  const tls = tunnel === undefined ? true : { serverNameOverride: hostOf(address) }
  const key = apiKey === '' ? {} : { apiKey, tls }
  try {
    const connection = await Connection.connect({
      address: tunnel?.address ?? address,
      connectTimeout: '10s',
      ...key,
    })
    try {
      return await work(new Client({ connection, namespace }))
    } finally {
      await connection.close()
    }
  } catch (error) {
    if (error instanceof CliError) throw error
    const said = tunnel?.trouble()
    throw new CliError(refusal(place, said ?? wordsOf(error)), exitCodes.failed, { cause: error })
  } finally {
    tunnel?.close()
  }
}

/** Inside the cluster, and for an address that the user has given, there is nothing to forward. */
async function tunnelTo(call: Call, { address, source }: TemporalPlace): Promise<Forward | undefined> {
  const inCluster = (call.surroundings.env['KUBERNETES_SERVICE_HOST'] ?? '') !== ''
  if (source === 'user' || inCluster) return undefined
  return await openTunnel(call, address)
}

function refusal({ address, namespace, source }: TemporalPlace, why: string): string {
  const hint =
    source === 'user'
      ? ''
      : ". That is the operator's own address; if you reach Temporal at another one, give --temporal-address HOST:PORT"
  return `Temporal at ${address}, namespace ${namespace}: ${why}${hint}`
}

function wordsOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'))
}
