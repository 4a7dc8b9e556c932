/** Bytes of a secret that betray it: fewer would be found in other text by chance. */
const tellingBytes = 6
/** Characters that hold so many bytes, at any offset. */
const base64Run = /[A-Za-z0-9+/_-]{8,}={0,2}/g
const wholeRun = /^[A-Za-z0-9+/_-]+={0,2}$/
/** Programs wrap base64 at 64 (OpenSSL), 70 (Kubernetes' PEM of old) or 76 (coreutils, busybox) characters. */
const wrappedLength = 60

/**
 * Masks base64 that holds a piece of a secret, whatever stands before it, also where it is wrapped over lines. Keeps
 * state between lines: one function for each log. Pieces of fewer than six bytes at an edge are not found.
 */
export function base64Masker(secretValues: readonly string[]): (line: string) => string {
  const pieces = new Set(secretValues.flatMap(piecesOf))
  if (pieces.size === 0) return (line) => line
  /** Length of the wrapped line before this one, if that was masked. */
  let wrapped = 0
  return (line) => {
    const text = line.trim()
    if (wrapped > 0 && text.length <= wrapped && wholeRun.test(text)) {
      if (text.length < wrapped) wrapped = 0
      return '***'
    }
    wrapped = 0
    return line.replace(base64Run, (run: string, at: number) => {
      if (!holdsPiece(run, pieces)) return run
      if (run.length >= wrappedLength && at + run.length === line.trimEnd().length) wrapped = run.length
      return '***'
    })
  }
}

function piecesOf(value: string): string[] {
  const bytes = Buffer.from(value).toString('latin1')
  const count = bytes.length - tellingBytes + 1
  return Array.from({ length: Math.max(0, count) }, (_, i) => bytes.slice(i, i + tellingBytes))
}

/** A run may begin anywhere in a group of four characters. */
function holdsPiece(run: string, pieces: ReadonlySet<string>): boolean {
  for (let offset = 0; offset < 4; offset++) {
    const bytes = Buffer.from(run.slice(offset), 'base64').toString('latin1')
    for (let i = 0; i + tellingBytes <= bytes.length; i++) {
      if (pieces.has(bytes.slice(i, i + tellingBytes))) return true
    }
  }
  return false
}
