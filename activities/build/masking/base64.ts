import { PairSet } from './pairSet.ts'

/** Bytes of a secret that betray it: fewer would be found in other text by chance. */
export const tellingBytes = 6
/** Characters that hold so many bytes, at any offset. */
const shortestRun = 8
/** Programs wrap base64 at 64 (OpenSSL), 70 (Kubernetes' PEM of old) or 76 (coreutils, busybox) characters. */
const wrappedLength = 60

/** Value of each character of base64, also of the alphabet for URLs; -1 for all others. */
const values = new Int8Array(128).fill(-1)
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
for (let value = 0; value < alphabet.length; value++) values[alphabet.charCodeAt(value)] = value
values['-'.charCodeAt(0)] = 62
values['_'.charCodeAt(0)] = 63

/** Bytes are read in slices, so that a long secret does not hold the event loop. */
const sliceLength = 16 * 1024

/** All pieces of six bytes of secrets, by which base64 of them is known whatever stands before it. */
export class SecretPieces {
  readonly #pieces = new PairSet()

  /** Number of different pieces. */
  get size(): number {
    return this.#pieces.size
  }

  /** What it occupies, in bytes. */
  get bytes(): number {
    return this.#pieces.bytes
  }

  /** Adds the pieces of `bytes` in steps, between which others may have their turn. */
  *add(bytes: Uint8Array): Generator<void> {
    let [high, low] = [0, 0]
    for (let i = 0; i < bytes.length; i++) {
      high = ((high << 8) | (low >>> 16)) & 0xffffff
      low = ((low << 8) | (bytes[i] ?? 0)) & 0xffffff
      if (i >= tellingBytes - 1) this.#pieces.add(high, low)
      if (i % sliceLength === sliceLength - 1) yield
    }
  }

  /** Whether base64 between these places holds a piece. It may begin anywhere in a group of four characters. */
  isIn(line: string, begin: number, end: number): boolean {
    if (this.#pieces.size === 0) return false
    // The last nine characters, 54 bits: the pieces that they hold begin at the first, third or fifth bit of them.
    let [high, low] = [0, 0]
    for (let at = begin; at <= end; at++) {
      high = ((high << 6) | (low >>> 18)) & 0x3fffffff
      low = ((low << 6) | (at < end ? base64Value(line, at) : 0)) & 0xffffff
      const count = at + 1 - begin
      if (
        count > shortestRun &&
        this.#pieces.has((high >>> 6) & 0xffffff, ((high << 18) | (low >>> 6)) & 0xffffff)
      )
        return true
      if (count <= shortestRun || at === end) continue
      if (this.#pieces.has((high >>> 4) & 0xffffff, ((high << 20) | (low >>> 4)) & 0xffffff)) return true
      if (this.#pieces.has((high >>> 2) & 0xffffff, ((high << 22) | (low >>> 2)) & 0xffffff)) return true
    }
    return false
  }
}

/**
 * Finds runs of base64 in a line that hold a piece of a secret, and the lines that follow where it is wrapped. Keeps
 * state between lines: one for each log. Pieces of fewer than six bytes at an edge are not found.
 */
export class Base64Search {
  readonly #pieces: SecretPieces
  /** Length of the wrapped line before this one, if that was masked. */
  #wrapped = 0

  constructor(pieces: SecretPieces) {
    this.#pieces = pieces
  }

  /** Calls `found` for every run that is to be masked. Runs end where something `isMasked` already. */
  find(line: string, isMasked: (at: number) => boolean, found: (begin: number, end: number) => void): void {
    if (this.#pieces.size === 0) return
    const [first, last] = trimmed(line)
    const wrapped = this.#wrapped
    this.#wrapped = 0
    if (wrapped > 0 && last > first && last - first <= wrapped && runEnd(line, first) === last) {
      if (last - first === wrapped) this.#wrapped = wrapped
      found(0, line.length)
      return
    }
    for (let begin = 0; begin < line.length; begin++) {
      let end = begin
      while (end < line.length && base64Value(line, end) >= 0 && !isMasked(end)) end++
      if (end - begin >= shortestRun && this.#pieces.isIn(line, begin, end)) {
        const padded = withPadding(line, end)
        found(begin, padded)
        if (padded - begin >= wrappedLength && padded === last) this.#wrapped = padded - begin
      }
      begin = end
    }
  }
}

function base64Value(line: string, at: number): number {
  return values[line.charCodeAt(at)] ?? -1
}

/** Where a run that begins here ends, padding included. */
function runEnd(line: string, begin: number): number {
  let end = begin
  while (end < line.length && base64Value(line, end) >= 0) end++
  return withPadding(line, end)
}

function withPadding(line: string, end: number): number {
  let padded = end
  while (padded < end + 2 && line.charAt(padded) === '=') padded++
  return padded
}

/** Where the text of a line begins and ends without the space around it. */
function trimmed(line: string): [number, number] {
  return [line.length - line.trimStart().length, line.trimEnd().length]
}
