import { Client, Connection, type TLSConfig } from '@temporalio/client'
import { operatorNamespace } from '../args/commonFlags.ts'
import type { Call } from '../call.ts'
import { operatorConfigMap, readOperatorConfig } from '../cluster/operatorConfig.ts'
import { CliError, exitCodes } from '../exitCodes.ts'
import type { Forward } from '../kube/portForward.ts'
import { credentialsOf, profileOf } from './environment.ts'
import { openTunnel } from './tunnel.ts'

/** Where Temporal is, and who says so. */
export interface TemporalPlace {
  readonly address: string
  readonly namespace: string
  readonly source: 'user' | 'operator'
  /** The operator speaks TLS to it. */
  readonly tls?: Pick<TLSConfig, 'serverNameOverride'>
}

/**
 * By flag or environment, else as the operator's own configuration says, as far as this user may read it; undefined
 * when nobody says.
 */
export async function temporalPlace(call: Call): Promise<TemporalPlace | undefined> {
  const profile = profileOf(call)
  const address = call.flag('temporal-address') ?? profile.address
  const namespace = call.flag('temporal-namespace') ?? profile.namespace
  if (address !== undefined) return { address, namespace: namespace ?? 'default', source: 'user' }
  const own = (await readOperatorConfig(call.cluster, operatorNamespace(call)))?.temporal
  if (own === undefined) return undefined
  const { enabled, serverName } = own.tls
  const tls = enabled && { tls: serverName === undefined ? {} : { serverNameOverride: serverName } }
  return { address: own.address, namespace: namespace ?? own.namespace, source: 'operator', ...tls }
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
 * cluster is reached by a port-forward with the user's own rights. Certificates and keys are the user's own, as the
 * environment names them. Throws a CliError when Temporal does not answer.
 */
export async function withTemporal<T>(
  call: Call,
  place: TemporalPlace,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const { address, namespace } = place
  const { apiKey, tls = place.tls } = credentialsOf(profileOf(call))
  const tunnel = await tunnelTo(call, place)
  // Behind a tunnel the certificate is still that of the address.
  const serverName = place.tls?.serverNameOverride ?? (tunnel && hostOf(address))
  try {
    const connection = await Connection.connect({
      address: tunnel?.address ?? address,
      connectTimeout: '10s',
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(tls === undefined ? {} : { tls: named(tls, serverName) }),
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

/** The server's name is checked against this one, unless the user's TLS has one of its own. */
function named(tls: TLSConfig | boolean, serverName: string | undefined): TLSConfig | boolean {
  if (tls === false || serverName === undefined) return tls
  const own = tls === true ? {} : tls
  return { ...own, serverNameOverride: own.serverNameOverride ?? serverName }
}

/** Inside the cluster, and for an address that the user has given, there is nothing to forward. */
async function tunnelTo(call: Call, { address, source }: TemporalPlace): Promise<Forward | undefined> {
  const inCluster = (call.surroundings.env['KUBERNETES_SERVICE_HOST'] ?? '') !== ''
  if (source === 'user' || inCluster) return undefined
  return await openTunnel(call, address)
}

function refusal({ address, namespace, source, tls }: TemporalPlace, why: string): string {
  const own =
    source === 'user'
      ? ''
      : ". That is the operator's own address; if you reach Temporal at another one, give --temporal-address HOST:PORT"
  const certificates =
    tls === undefined
      ? ''
      : '. The operator speaks TLS to it: TEMPORAL_TLS_SERVER_CA_CERT_PATH, TEMPORAL_TLS_CLIENT_CERT_PATH and ' +
        'TEMPORAL_TLS_CLIENT_KEY_PATH name files of yours'
  return `Temporal at ${address}, namespace ${namespace}: ${why}${own}${certificates}`
}

function wordsOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'))
}
