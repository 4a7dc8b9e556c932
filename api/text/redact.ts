/** What stands in place of a value that may be a secret. */
export const leftOut = '(left out)'

const separator = '://'
const buildArg = '--build-arg'
const sensitive = /token|password|passwd|secret_?key|api_?key|credential/iu

/** Does a key or the name of an argument sound as if its value were a secret? */
export function soundsSecret(name: string): boolean {
  return sensitive.test(name.slice(0, 256))
}

/** A text, such as a Dockerfile or a log, without user information in its addresses and values of build arguments. */
export function redactedText(text: string): string {
  return withoutBuildArgs(withoutUserInfo(text))
}

/**
 * A text whose addresses have their hosts alone: user information goes up to the last `@` before the path, since
 * passwords may hold one. Linear in the length of the text.
 */
export function withoutUserInfo(text: string): string {
  let clean = ''
  let plain = 0
  for (let at = text.indexOf(separator); at !== -1; at = text.indexOf(separator, plain)) {
    const begin = at + separator.length
    const sign = endOfUserInfo(text, begin)
    const keeps = sign === -1 || !isSchemeEnd(text.charCodeAt(at - 1))
    clean += text.slice(plain, begin) + (keeps ? '' : `${leftOut}@`)
    plain = keeps ? begin : sign + 1
  }
  return clean + text.slice(plain)
}

/** A list of arguments, of a container or a program, without the values of those that may hold secrets. */
export function redactedArguments(given: readonly unknown[], allValues = false): unknown[] {
  return given.map((argument, at) => {
    if (typeof argument !== 'string') return argument
    const before = given[at - 1]
    if (before === buildArg) return withoutValue(argument)
    if (argument.startsWith(`${buildArg}=`)) {
      return `${buildArg}=${withoutValue(argument.slice(buildArg.length + 1))}`
    }
    if (typeof before === 'string' && before.startsWith('-') && !before.includes('=') && soundsSecret(before))
      return leftOut
    const name = argument.split('=', 1)[0] ?? ''
    return allValues || soundsSecret(name) ? withoutValue(argument) : redactedText(argument)
  })
}

/** `NAME=VALUE` without the value; what has no value stays. */
export function withoutValue(argument: string): string {
  const sign = argument.indexOf('=')
  return sign === -1 ? argument : `${argument.slice(0, sign + 1)}${leftOut}`
}

/** A command line in a text. */
function withoutBuildArgs(text: string): string {
  let clean = ''
  let plain = 0
  for (let at = text.indexOf(buildArg); at !== -1; at = text.indexOf(buildArg, plain)) {
    const begin = at + buildArg.length
    let name = begin
    while (name < text.length && (text[name] === ' ' || (name === begin && text[name] === '='))) name++
    const quote = text[name] === '"' || text[name] === "'" ? text[name] : undefined
    let end = quote === undefined ? name : name + 1
    while (end < text.length && (quote === undefined ? !isSpace(text.charCodeAt(end)) : text[end] !== quote))
      end++
    const sign = text.slice(name, end).indexOf('=')
    const from = sign === -1 ? end : name + sign + 1
    clean += text.slice(plain, from) + (sign === -1 ? '' : leftOut)
    plain = Math.max(end, begin)
  }
  return clean + text.slice(plain)
}

/** The last `@` before the path; -1 when there is none. */
function endOfUserInfo(text: string, begin: number): number {
  let sign = -1
  for (let at = begin; at < text.length; at++) {
    const character = text[at]
    if (character === '/' || isSpace(text.charCodeAt(at))) break
    if (character === '@') sign = at
  }
  return sign
}

function isSpace(code: number): boolean {
  return code <= 0x20 || code === 0xa0 || code === 0x2028 || code === 0x2029
}

/** A letter, a digit, or a sign that a scheme may hold. */
function isSchemeEnd(code: number): boolean {
  return /^[a-z0-9+.-]$/iu.test(String.fromCharCode(code))
}
