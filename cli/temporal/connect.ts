import { Client, Connection } from '@temporalio/client'
import { operatorNamespace } from '../args/commonFlags.ts'
import type { Call } from '../call.ts'
import { operatorConfigMap, readOperatorConfig } from '../cluster/operatorConfig.ts'
import { CliError, exitCodes } from '../exitCodes.ts'

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
 * Does something with Temporal, then closes the connection. TEMPORAL_API_KEY, when it is set, is sent over TLS. Throws
 * a CliError when Temporal does not answer.
 */
export async function withTemporal<T>(
  call: Call,
  place: TemporalPlace,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const { address, namespace } = place
  const apiKey = call.surroundings.env['TEMPORAL_API_KEY'] ?? ''
  const key = apiKey === '' ? {} : { apiKey, tls: true }
  try {
    const connection = await Connection.connect({ address, connectTimeout: '10s', ...key })
    try {
      return await work(new Client({ connection, namespace }))
    } finally {
      await connection.close()
    }
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError(refusal(place, error), exitCodes.failed, { cause: error })
  }
}

function refusal({ address, namespace, source }: TemporalPlace, error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const why = cause instanceof Error ? cause.message : String(cause)
  const [service = '', of = 'NAMESPACE'] = address.split(':')[0]?.split('.') ?? []
  const hint =
    source === 'user'
      ? ''
      : `. That is the operator's own address; from outside the cluster: kubectl -n ${of} port-forward ` +
        `service/${service} 7233, then --temporal-address localhost:7233`
  return `Temporal at ${address}, namespace ${namespace}: ${why}${hint}`
}
