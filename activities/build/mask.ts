/** Values shorter than this are not masked: they would blank out ordinary words. */
const shortest = 4

/** Up to the last @ before the path: passwords hold @ too. Schemes are short, so that long lines stay cheap. */
const userinfo = /\b([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/]+@/gi

/**
 * A function that replaces every given secret value in a line, in clear text and in base64, and the userinfo of
 * URLs. Values of several lines are masked line by line, because a log is read line by line.
 */
export function masker(secretValues: readonly string[]): (line: string) => string {
  const parts = secretValues.flatMap((value) => [
    ...value.split(/\r?\n/).map((line) => line.trim()),
    Buffer.from(value).toString('base64'),
    Buffer.from(value.trim()).toString('base64'),
  ])
  const wanted = [...new Set(parts)]
    .filter((part) => part.length >= shortest)
    .sort((a, b) => b.length - a.length)
  return (line) => {
    const masked = wanted.reduce((text, secret) => text.replaceAll(secret, '***'), line)
    return masked.replace(userinfo, '$1***@')
  }
}

/** Every value a Secret's data holds, decoded; docker configs give up their passwords and tokens one by one. */
export function secretValues(data: Readonly<Record<string, string>>): string[] {
  return Object.values(data).flatMap((encoded) => {
    const text = Buffer.from(encoded, 'base64').toString('utf8')
    return [text, ...credentialsIn(text)]
  })
}

function credentialsIn(text: string): string[] {
  try {
    return strings(JSON.parse(text))
  } catch {
    return []
  }
}

function strings(value: unknown): string[] {
  if (typeof value === 'string') {
    const decoded = Buffer.from(value, 'base64').toString('utf8')
    const password = decoded.includes(':') ? [decoded.slice(decoded.indexOf(':') + 1)] : []
    return [value, ...password]
  }
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : []
}
