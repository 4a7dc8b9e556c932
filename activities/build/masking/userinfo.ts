const separator = '://'
/** Schemes are short. */
const longestScheme = 31

/** Calls `found` for the user information of every URL in a line, up to the last @ before the path: passwords hold @. */
export function findUserinfo(line: string, found: (begin: number, end: number) => void): void {
  for (let at = line.indexOf(separator); at !== -1; at = line.indexOf(separator, at + separator.length)) {
    const begin = at + separator.length
    if (!followsScheme(line, at)) continue
    let end = begin
    let sign = -1
    for (; end < line.length && !endsAuthority(line.charCodeAt(end)); end++) {
      if (line.charAt(end) === '@') sign = end
    }
    if (sign > begin) found(begin, sign)
  }
}

/** Whether a scheme, which begins with a letter, stands before this place. */
function followsScheme(line: string, at: number): boolean {
  for (let i = at - 1; i >= 0 && i >= at - longestScheme; i--) {
    const character = line.charAt(i)
    if (/[a-z]/i.test(character)) return true
    if (!/[0-9+.-]/.test(character)) return false
  }
  return false
}

/** White space and the slash before the path. */
function endsAuthority(code: number): boolean {
  return code === 0x2f || code <= 0x20 || (code > 0x7f && /\s/.test(String.fromCharCode(code)))
}
