import { LineCounter, parseDocument, type YAMLError } from 'yaml'
import type { z } from 'zod'
import { type Environment, type UsedVariables, withEnvironment } from './config/environment.ts'
import { configSchema, type OperatorConfig } from './config/schema.ts'
import { isMap, keyName, knownKeys } from './config/shape.ts'
import { oneLine } from './oneLine.ts'

export type { OperatorConfig } from './config/schema.ts'

/** A configuration, or everything that is wrong with it. Warnings name keys without effect. */
export type ParsedConfig =
  | {
      readonly ok: true
      readonly config: OperatorConfig
      readonly warnings: readonly string[]
      /** The environment variables that count, by the keys that they stand for. */
      readonly fromEnvironment: ReadonlyMap<string, string>
    }
  | {
      readonly ok: false
      /** One sentence each: the key or the environment variable, and what would be right. */
      readonly faults: readonly string[]
      /** The faults, one a line. */
      readonly message: string
      readonly warnings: readonly string[]
      /** Where probes are answered meanwhile: as it is given, if that is valid, else the default. */
      readonly healthProbeBindAddress: string
    }

/** So many faults, and so many keys without effect, are named. */
const mostNamed = 50

/**
 * Reads the text under `controller_config.yaml`. What it gives counts; what it leaves out comes from the environment;
 * what that leaves out is the default. An empty text gives nothing. Unknown keys are warnings; a wrong value of a known
 * key refuses the whole text.
 */
export function parseConfig(yamlText: string, environment: Environment = {}): ParsedConfig {
  const read = readMap(yamlText)
  if (!read.ok) return refused([read.fault], [], undefined)
  const warnings: string[] = []
  const renamed = withoutOldNames(read.map, warnings)
  let unnamed = false
  const known =
    knownKeys(configSchema, renamed, (path, member) => {
      for (const warning of unknownKeys(path, member)) {
        unnamed ||= warnings.length === mostNamed
        if (unnamed) return
        warnings.push(warning)
      }
    }) ?? {}
  if (unnamed) warnings.push('more keys have no effect: unknown keys')
  const { value, used } = withEnvironment(known as Record<string, unknown>, environment)
  const parsed = configSchema.safeParse(value)
  if (parsed.success) {
    const fromEnvironment = new Map(used.map(({ name, path }) => [keyName(path), name]))
    warnings.push(...unusedTls(renamed, parsed.data))
    return { ok: true, config: parsed.data, warnings, fromEnvironment }
  }
  const faults = parsed.error.issues.map((issue) => describeIssue(issue, used))
  const more = faults.length - mostNamed
  return refused(
    more > 0 ? [...faults.slice(0, mostNamed), `and ${more} more faults`] : faults,
    warnings,
    value['healthProbeBindAddress'],
  )
}

function refused(
  faults: readonly string[],
  warnings: readonly string[],
  probes: unknown,
): Extract<ParsedConfig, { ok: false }> {
  const address = configSchema.shape.healthProbeBindAddress
  const given = address.safeParse(probes)
  const healthProbeBindAddress = given.success ? given.data : address.parse(undefined)
  return { ok: false, faults, message: faults.join('\n'), warnings, healthProbeBindAddress }
}

type ReadMap =
  | { readonly ok: true; readonly map: Record<string, unknown> }
  | { readonly ok: false; readonly fault: string }

/** Characters of a text: many times what it takes to set every key. The parser's search for duplicate keys is quadratic. */
const longestText = 32 * 1024

function readMap(yamlText: string): ReadMap {
  if (yamlText.length > longestText)
    return { ok: false, fault: `the configuration is longer than ${longestText} characters` }
  const lineCounter = new LineCounter()
  // Pretty errors quote the line, which may hold a password, as of a proxy in `build.env`.
  const document = parseDocument(yamlText, { prettyErrors: false, lineCounter })
  const [syntaxError] = document.errors
  if (syntaxError !== undefined) return { ok: false, fault: syntaxFault(syntaxError, lineCounter) }
  try {
    const value: unknown = document.toJS() ?? {}
    if (isMap(value)) return { ok: true, map: value }
    return { ok: false, fault: 'the configuration must be a map of keys, such as "worker: {runAsUser: 0}"' }
  } catch (error) {
    // Such as more aliases than anybody writes by hand.
    if (!(error instanceof ReferenceError)) throw error
    return { ok: false, fault: `not valid YAML: ${withoutQuote(error.message)}` }
  }
}

function syntaxFault({ message, pos: [at] }: YAMLError, lines: LineCounter): string {
  const { line, col } = lines.linePos(at)
  return `not valid YAML: ${withoutQuote(message)} at line ${line}, column ${col}`
}

/** After a colon the message has a piece of the text. */
const withoutQuote = (message: string) => message.replace(/:.*$/su, '')

/** KMM's documentation has a name for `worker.firmwareHostPath` that its code never read. */
function withoutOldNames(map: Record<string, unknown>, warnings: string[]): Record<string, unknown> {
  const { worker } = map
  if (!isMap(worker) || !('setFirmwareClassPath' in worker)) return map
  const { setFirmwareClassPath, ...others } = worker
  warnings.push('worker.setFirmwareClassPath is called worker.firmwareHostPath')
  return { ...map, worker: { firmwareHostPath: setFirmwareClassPath, ...others } }
}

const noWebhook = 'the API server itself checks Modules, there is no webhook'
/** Keys of KMM that have no effect here, and why. */
const withoutEffect: ReadonlyMap<string, string> = new Map(
  Object.entries({
    webhookPort: noWebhook,
    'webhook.port': noWebhook,
    'webhook.disableHTTP2': noWebhook,
    'metrics.disableHTTP2': 'metrics are served over HTTP/1.1 alone',
    'temporal.apiKeySecret': 'mount the Secret and name its file in temporal.apiKeyFile',
  }),
)

/** A section that is not known is named key by key. */
function* unknownKeys(path: readonly PropertyKey[], value: unknown): Generator<string> {
  const name = keyName(path)
  if (isMap(value) && Object.keys(value).length > 0 && !withoutEffect.has(name)) {
    for (const [key, member] of Object.entries(value)) yield* unknownKeys([...path, key], member)
  } else {
    yield oneLine(`${name} has no effect: ${withoutEffect.get(name) ?? 'unknown key'}`)
  }
}

function unusedTls(given: Record<string, unknown>, { temporal }: OperatorConfig): string[] {
  if (temporal.tls.enabled || !isMap(given['temporal']) || !isMap(given['temporal']['tls'])) return []
  const { enabled: _enabled, ...others } = given['temporal']['tls']
  return Object.keys(others)
    .filter((key) => Object.hasOwn(temporal.tls, key))
    .map((key) => `temporal.tls.${key} has no effect: temporal.tls.enabled is false`)
}

function describeIssue(issue: z.core.$ZodIssue, used: UsedVariables): string {
  const { path } = issue
  const name = oneLine(keyName(path))
  const message = oneLine(issue.message)
  const [variable, ...more] = used.filter((its) => path.every((key, index) => its.path[index] === key))
  if (variable === undefined) return `${name}: ${message}`
  if (more.length === 0 && variable.path.length === path.length) {
    return `environment variable ${variable.name} (${name}): ${message}`
  }
  const names = [variable, ...more].map((its) => its.name).join(', ')
  return `${name} (with ${names} of the environment): ${message}`
}
