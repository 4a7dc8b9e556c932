import { leftOut, redactedArguments, redactedText, soundsSecret } from '../../api/text/redact.ts'

/** Keys whose values people put secrets into, at any depth: `env` and `buildArgs` are lists of `{name, value}`. */
const valueLists = new Set(['env', 'buildArgs'])
/** Lists of arguments, of containers. */
const argumentLists = new Set(['args', 'command'])
/** Lists of `NAME=VALUE` for modprobe and the module; below `modprobe` so are the lists of both its actions. */
const parameterLists = new Set(['parameters', 'load', 'unload'])
/** Metadata that repeats the object, or is of no use to anybody. */
const dropped = new Set(['managedFields', 'kubectl.kubernetes.io/last-applied-configuration'])

/**
 * An object without what may be a secret: values of environment variables, build arguments and parameters of modules,
 * values under keys that sound like one, data of Secrets, and names and passwords in addresses; also in JSON in a text,
 * as annotations have it. Names of Secrets stay: they are needed.
 */
export function redacted(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return soundsSecret(key) ? leftOut : redactedString(value)
  if (Array.isArray(value)) return redactedList(value, key)
  if (typeof value !== 'object' || value === null) return value
  const isSecret = 'kind' in value && value.kind === 'Secret'
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !dropped.has(name) && !(isSecret && (name === 'data' || name === 'stringData')))
      .map(([name, member]) => [name, redacted(member, name)]),
  )
}

function redactedList(list: readonly unknown[], key: string): unknown[] {
  if (argumentLists.has(key)) return redactedArguments(list)
  if (parameterLists.has(key)) return redactedArguments(list, true)
  return list.map((item) => (valueLists.has(key) ? withoutValueMember(item) : redacted(item)))
}

function redactedString(text: string): string {
  const nested = /^\s*[[{]/u.test(text) ? jsonOf(text) : undefined
  return nested === undefined ? redactedText(text) : JSON.stringify(redacted(nested))
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function withoutValueMember(item: unknown): unknown {
  if (typeof item !== 'object' || item === null) return leftOut
  return Object.fromEntries(
    Object.entries(item).map(([name, member]) => [name, name === 'value' ? leftOut : redacted(member)]),
  )
}
