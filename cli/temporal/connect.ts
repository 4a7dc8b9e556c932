import { Client, Connection } from '@temporalio/client'
import type { Call } from '../call.ts'
import { CliError, exitCodes } from '../exitCodes.ts'

/** Where Temporal is, as flags and environment say; undefined when neither does. */
export interface TemporalPlace {
  readonly address: string
  readonly namespace: string
}

export function temporalPlace(call: Call): TemporalPlace | undefined {
  const { env } = call.surroundings
  const address = call.flag('temporal-address') ?? env['TEMPORAL_ADDRESS']
  const namespace = call.flag('temporal-namespace') ?? env['TEMPORAL_NAMESPACE'] ?? 'default'
  return address === undefined || address === '' ? undefined : { address, namespace }
}

/** The same for commands that cannot do without. Throws a CliError that says where to look. */
export function neededPlace(call: Call, what: string): TemporalPlace {
  const place = temporalPlace(call)
  if (place !== undefined) return place
  throw new CliError(
    `${what} is kept in Temporal: give --temporal-address HOST:PORT, or set TEMPORAL_ADDRESS. The operator's own is ` +
      'temporal.address in its configuration (ConfigMap kmm-operator-manager-config).',
    exitCodes.usage,
  )
}

/**
 * Does something with Temporal, then closes the connection. TEMPORAL_API_KEY, when it is set, is sent over TLS. Throws
 * a CliError when Temporal does not answer.
 */
export async function withTemporal<T>(
  call: Call,
  { address, namespace }: TemporalPlace,
  work: (client: Client) => Promise<T>,
): Promise<T> {
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
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(`Temporal at ${address}, namespace ${namespace}: ${why}`, exitCodes.failed, {
      cause: error,
    })
  }
}
