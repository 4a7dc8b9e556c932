/** What stands in place of a value that may be a secret. */
export const leftOut = '(left out)'

/** Keys whose values people put secrets into, at any depth: `env` and `buildArgs` are lists of `{name, value}`. */
const valueLists = new Set(['env', 'buildArgs'])
/** Metadata that repeats the object, or is of no use to anybody. */
const dropped = new Set(['managedFields', 'kubectl.kubernetes.io/last-applied-configuration'])
const userInfo = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/giu
const sensitive = /token|password|passwd|secret_?key|api_?key|credential/iu

/**
 * An object without what may be a secret: values of environment variables and build arguments, values under keys that
 * sound like one, data of Secrets, and names and passwords in addresses. Names of Secrets stay: they are needed.
 */
export function redacted(value: unknown, key = ''): unknown {
  if (typeof value === 'string') {
    return sensitive.test(key) ? leftOut : value.replaceAll(userInfo, `$1${leftOut}@`)
  }
  if (Array.isArray(value))
    return value.map((item) => (valueLists.has(key) ? withoutValue(item) : redacted(item)))
  if (typeof value !== 'object' || value === null) return value
  const isSecret = 'kind' in value && value.kind === 'Secret'
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !dropped.has(name) && !(isSecret && (name === 'data' || name === 'stringData')))
      .map(([name, member]) => [name, redacted(member, name)]),
  )
}

function withoutValue(item: unknown): unknown {
  if (typeof item !== 'object' || item === null) return leftOut
  return Object.fromEntries(
    Object.entries(item).map(([name, member]) => [name, name === 'value' ? leftOut : redacted(member)]),
  )
}

/** A text, such as a Dockerfile, without names and passwords in its addresses. */
export function redactedText(text: string): string {
  return text.replaceAll(userInfo, `$1${leftOut}@`)
}
