import type { TLSConfig } from '@temporalio/client'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import type { Call } from '../call.ts'
import { CliError, exitCodes } from '../exitCodes.ts'

/** What a user's environment says of Temporal. */
export interface TemporalEnvironment {
  readonly address?: string
  readonly namespace?: string
  readonly apiKey?: string
  /** `false`: no TLS, whatever others say. */
  readonly tls?: TLSConfig | boolean
}

/**
 * Reads the variables that the `temporal` program takes: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY,
 * TEMPORAL_TLS and those beside it; empty ones are none. Its file is read when TEMPORAL_PROFILE or TEMPORAL_CONFIG_FILE
 * names something in it. Throws a CliError that names what cannot be read.
 */
export function environmentOf({ surroundings: { env } }: Pick<Call, 'surroundings'>): TemporalEnvironment {
  const set = Object.entries(env).filter((entry): entry is [string, string] => (entry[1] ?? '') !== '')
  const overrideEnvVars = Object.fromEntries(set)
  const { TEMPORAL_PROFILE: profile, TEMPORAL_CONFIG_FILE: file } = overrideEnvVars
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({
      overrideEnvVars,
      disableFile: profile === undefined && file === undefined,
    })
    const { address, apiKey, tls } = connectionOptions
    return defined({
      address,
      namespace,
      apiKey: typeof apiKey === 'string' ? apiKey : undefined,
      tls: toTls(tls),
    })
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    throw new CliError(`What TEMPORAL_... variables say of Temporal cannot be read: ${said}`, exitCodes.usage)
  }
}

function toTls(tls: TLSConfig | boolean | null | undefined): TLSConfig | boolean | undefined {
  return typeof tls === 'object' && tls !== null ? defined(tls) : (tls ?? undefined)
}

/** Without the fields that are undefined. */
function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(kept) as { [K in keyof T]?: Exclude<T[K], undefined> }
}
