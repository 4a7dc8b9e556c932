import { base64Masker } from './encodedSecrets.ts'

/** Values shorter than this are not masked: they would blank out ordinary words. */
const shortest = 4

/** Up to the last @ before the path: passwords hold @ too. Schemes are short, so that long lines stay cheap. */
const userinfo = /\b([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/]+@/gi

/**
 * A function that replaces every given secret value in a line, in clear text, in base64 (also within longer base64,
 * and wrapped over lines), as part of a URL or of JSON, and the userinfo of URLs. Values of several lines are masked
 * line by line, because a log is read line by line. One function for each log: it knows the line before.
 */
export function masker(secretValues: readonly string[]): (line: string) => string {
  const wanted = [...new Set(secretValues.flatMap(formsOf))]
    .filter((part) => part.length >= shortest)
    .sort((a, b) => b.length - a.length)
  const maskBase64 = base64Masker(secretValues)
  return (line) => {
    const masked = wanted.reduce((text, secret) => text.replaceAll(secret, '***'), line)
    return maskBase64(masked).replace(userinfo, '$1***@')
  }
}

/** How a value may stand in a line. */
function formsOf(value: string): string[] {
  const text = value.trim()
  const lines = value.split(/\r?\n/).map((line) => line.trim())
  return [
    ...lines,
    ...lines.map((line) => encodeURIComponent(line.toWellFormed())),
    ...lines.map((line) => JSON.stringify(line).slice(1, -1)),
    ...[value, text, `${text}\n`].map((plain) => Buffer.from(plain).toString('base64')),
  ]
}

/** Every value a Secret's data holds, decoded; files of known formats give up their passwords and tokens one by one. */
export function secretValues(data: Readonly<Record<string, string>>): string[] {
  return Object.values(data).flatMap((encoded) => {
    const text = Buffer.from(encoded, 'base64').toString('utf8')
    return [text, ...[...stringsIn(text), ...tokensIn(text)].flatMap(withDecoded)]
  })
}

/** All strings of a JSON text, such as a docker configuration. */
function stringsIn(text: string): string[] {
  try {
    return strings(JSON.parse(text))
  } catch {
    return []
  }
}

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : []
}

/** Longer lines are no settings. */
const longestSetting = 4096
const tokens: readonly RegExp[] = [
  // .netrc
  /\b(?:password|account)\s+(\S+)/gi,
  // .npmrc, pip.conf, environment files, YAML
  /(?:pass(?:word|wd)?|secret|token|auth|key|credentials?)\s*["']?\s*[=:]\s*["']?([^"'\s]{6,})/gi,
  // .git-credentials and other URLs
  /:\/\/[^\s/:@]*:([^\s/@]+)@/g,
]

/** Passwords and tokens in lines of settings. */
function tokensIn(text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.length <= longestSetting)
  const found = lines.flatMap((line) => tokens.flatMap((token) => [...line.matchAll(token)]))
  return found.flatMap(([, token]) => (token === undefined ? [] : [token, decodeUrl(token)]))
}

function decodeUrl(token: string): string {
  try {
    return decodeURIComponent(token)
  } catch {
    return token
  }
}

/** What is base64 of a text gives up the text, and the password when it is `user:password`. */
function withDecoded(value: string): string[] {
  const text = Buffer.from(value, 'base64').toString('utf8')
  if (!/^[\x20-\x7e]{4,}$/.test(text)) return [value]
  return [value, text, ...(text.includes(':') ? [text.slice(text.indexOf(':') + 1)] : [])]
}
