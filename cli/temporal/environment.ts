import type { TLSConfig } from '@temporalio/client'
import { type ClientConfigProfile, loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig'
import type { Call } from '../call.ts'
import { CliError, exitCodes } from '../exitCodes.ts'

/** With what a user shows who they are. */
export interface Credentials {
  readonly apiKey?: string
  /** `false`: no TLS, whatever others say. */
  readonly tls?: TLSConfig | boolean
}

/**
 * What a user's environment says of Temporal, in the variables that the `temporal` program takes: TEMPORAL_ADDRESS,
 * TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS and those beside it; empty ones are none. Its file is read when
 * TEMPORAL_PROFILE or TEMPORAL_CONFIG_FILE names something in it, files of certificates are not. Throws a CliError.
 */
export function profileOf({ surroundings: { env } }: Pick<Call, 'surroundings'>): ClientConfigProfile {
  const set = Object.entries(env).filter((entry): entry is [string, string] => (entry[1] ?? '') !== '')
  const overrideEnvVars = Object.fromEntries(set)
  const { TEMPORAL_PROFILE: profile, TEMPORAL_CONFIG_FILE: file } = overrideEnvVars
  const disableFile = profile === undefined && file === undefined
  return readable(() => loadClientConfigProfile({ overrideEnvVars, disableFile }))
}

/** Reads the certificates and keys that a profile names. Throws a CliError that names what cannot be read. */
export function credentialsOf(profile: ClientConfigProfile): Credentials {
  const { apiKey } = profile
  const { tls } = readable(() => toClientOptions(profile)).connectionOptions
  return {
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(tls === undefined || tls === null ? {} : { tls }),
  }
}

function readable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    throw new CliError(`What TEMPORAL_... variables say of Temporal cannot be read: ${said}`, exitCodes.usage)
  }
}
