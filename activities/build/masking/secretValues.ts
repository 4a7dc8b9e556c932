import { RE2JS } from 're2js'

/** Longer lines are no settings. */
const longestSetting = 4096

/** How tokens stand in lines of settings; what `may` be one is known at little cost. */
interface Setting {
  readonly may: (line: string) => boolean
  /** Whoever writes the Secret writes the line, so it gets an engine that cannot backtrack. */
  readonly token: RE2JS
}

const settings: readonly Setting[] = [
  // .netrc
  {
    may: (line) => /password|account/i.test(line),
    token: RE2JS.compile(String.raw`\b(?:password|account)\s+(\S+)`, RE2JS.CASE_INSENSITIVE),
  },
  // .npmrc, pip.conf, environment files, YAML
  {
    may: (line) => line.includes('=') || line.includes(':'),
    token: RE2JS.compile(
      String.raw`(?:pass(?:word|wd)?|secret|token|auth|key|credentials?)\s*["']?\s*[=:]\s*["']?([^"'\s]{6,})`,
      RE2JS.CASE_INSENSITIVE,
    ),
  },
  // .git-credentials and other URLs
  {
    may: (line) => line.includes('://') && line.includes('@'),
    token: RE2JS.compile(String.raw`://[^\s/:@]*:([^\s/@]+)@`),
  },
]

/**
 * The values that one key of a Secret holds beside its text: files of known formats give up their passwords and tokens
 * one by one. A value may come more than once; `undefined` comes in between, where others may have their turn.
 */
export function* valuesIn(text: string): Generator<string | undefined> {
  for (const value of stringsIn(text)) yield* withDecoded(value)
  for (const line of linesOf(text)) {
    yield undefined
    if (line.length > longestSetting) continue
    for (const token of tokensIn(line)) yield* withDecoded(token)
  }
}

/** The lines of a text, without white space around them. */
export function* linesOf(text: string): Generator<string> {
  for (let begin = 0; begin <= text.length;) {
    const end = text.indexOf('\n', begin)
    yield text.slice(begin, end === -1 ? text.length : end).trim()
    if (end === -1) return
    begin = end + 1
  }
}

/** All strings of a JSON text, such as a docker configuration. */
function* stringsIn(text: string): Generator<string> {
  const left: unknown[] = [parsed(text)]
  while (left.length > 0) {
    const value = left.pop()
    if (typeof value === 'string') yield value
    else if (typeof value === 'object' && value !== null)
      for (const part of Object.values(value)) left.push(part)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Passwords and tokens in a line of settings. */
function* tokensIn(line: string): Generator<string> {
  for (const { may, token } of settings) {
    if (!may(line)) continue
    const matcher = token.matcher(line)
    while (matcher.find()) {
      const found = matcher.group(1)
      if (found === null) continue
      yield found
      yield decodedUrl(found)
    }
  }
}

function decodedUrl(token: string): string {
  try {
    return decodeURIComponent(token)
  } catch {
    return token
  }
}

/** What is base64 of a text gives up the text, and the password when it is `user:password`. */
function* withDecoded(value: string): Generator<string> {
  yield value
  const text = Buffer.from(value, 'base64').toString('utf8')
  if (!/^[\x20-\x7e]{4,}$/.test(text)) return
  yield text
  const colon = text.indexOf(':')
  if (colon !== -1) yield text.slice(colon + 1)
}
