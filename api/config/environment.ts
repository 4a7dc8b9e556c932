import { isMap } from './shape.ts'

/** Environment variables, such as `process.env`. An empty one is not set. */
export type Environment = Readonly<Record<string, string | undefined>>

interface Variable {
  readonly name: string
  readonly path: readonly string[]
  readonly type: 'text' | 'flag'
}

const text = (name: string, ...path: readonly string[]): Variable => ({ name, path, type: 'text' })
const flag = (name: string, ...path: readonly string[]): Variable => ({ name, path, type: 'flag' })

/** Environment variables of the operator that stand for keys of its configuration. */
export const variables: readonly Variable[] = [
  text('TEMPORAL_ADDRESS', 'temporal', 'address'),
  text('TEMPORAL_NAMESPACE', 'temporal', 'namespace'),
  text('KMM_CLUSTER_NAME', 'temporal', 'clusterName'),
  flag('TEMPORAL_TLS', 'temporal', 'tls', 'enabled'),
  text('TEMPORAL_TLS_SERVER_NAME', 'temporal', 'tls', 'serverName'),
  text('TEMPORAL_TLS_SERVER_CA_CERT_PATH', 'temporal', 'tls', 'caFile'),
  text('TEMPORAL_TLS_CLIENT_CERT_PATH', 'temporal', 'tls', 'certFile'),
  text('TEMPORAL_TLS_CLIENT_KEY_PATH', 'temporal', 'tls', 'keyFile'),
  text('TEMPORAL_API_KEY_FILE', 'temporal', 'apiKeyFile'),
  flag('TEMPORAL_CREATE_NAMESPACE', 'temporal', 'createNamespace'),
  text('RELATED_IMAGE_BUILD', 'build', 'image'),
]

const flags: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false }

/** The variables that a configuration was completed with. */
export type UsedVariables = readonly Variable[]

/**
 * The one rule of precedence: what the file gives counts; what it leaves out comes from the environment; what that
 * leaves out is the default of the schema.
 */
export function withEnvironment(
  file: Readonly<Record<string, unknown>>,
  environment: Environment,
): { readonly value: Record<string, unknown>; readonly used: UsedVariables } {
  const used: Variable[] = []
  let value = { ...file }
  for (const variable of variables) {
    const given = environment[variable.name] ?? ''
    if (given === '') continue
    const parsed = variable.type === 'flag' ? (flags[given.toLowerCase()] ?? given) : given
    const completed = complete(value, variable.path, parsed)
    if (completed === undefined) continue
    value = completed
    used.push(variable)
  }
  return { value, used }
}

/** The map with this value where it has none; undefined where it has one, or something else than a map on the way. */
function complete(
  map: Readonly<Record<string, unknown>>,
  [key = '', ...below]: readonly string[],
  value: unknown,
): Record<string, unknown> | undefined {
  const found = map[key]
  if (below.length === 0) return found === undefined ? { ...map, [key]: value } : undefined
  if (found !== undefined && !isMap(found)) return undefined
  const inside = complete(found ?? {}, below, value)
  return inside && { ...map, [key]: inside }
}
