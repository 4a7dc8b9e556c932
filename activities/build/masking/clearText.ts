import { PairSet } from './pairSet.ts'

/** Texts shorter than this are not masked: they would blank out ordinary words. */
export const shortest = 4
/** Texts of this length and more are found by pieces of this length, also where only a part of them is printed. */
export const pieceLength = 32

const multiplierA = 0x01000193
const multiplierB = 0x27d4eb2f
/** What a character weighs that leaves a piece. */
const leavingA = power(multiplierA, pieceLength)
const leavingB = power(multiplierB, pieceLength)

/**
 * Finds any of many texts in a line in one pass (Rabin-Karp). A text of up to 31 characters is found as a whole; of a
 * longer one the piece at every 32nd character is kept, and the last 32, so that a whole occurrence is covered without
 * a gap. It keeps hashes of 64 bits, not the texts.
 */
export class ClearTexts {
  readonly #beginnings = new PairSet()
  readonly #whole = new PairSet()
  readonly #pieces = new PairSet()
  #longestWhole = 0

  /** What it occupies, in bytes. */
  get bytes(): number {
    return this.#beginnings.bytes + this.#whole.bytes + this.#pieces.bytes
  }

  add(text: string): void {
    if (text.length < shortest) return
    if (text.length < pieceLength) {
      this.#longestWhole = Math.max(this.#longestWhole, text.length)
      this.#beginnings.add(twoAt(text, 0), twoAt(text, 2))
      this.#addHash(this.#whole, text, 0, text.length)
      return
    }
    for (let at = 0; at + pieceLength <= text.length; at += pieceLength) {
      this.#addHash(this.#pieces, text, at, pieceLength)
    }
    this.#addHash(this.#pieces, text, text.length - pieceLength, pieceLength)
  }

  #addHash(set: PairSet, text: string, at: number, length: number): void {
    let [a, b] = [0, 0]
    for (let i = at; i < at + length; i++) {
      const code = text.charCodeAt(i)
      a = (Math.imul(a, multiplierA) + code) | 0
      b = (Math.imul(b, multiplierB) + code) | 0
    }
    set.add(a, b)
  }

  /** Calls `found` for every place that is to be masked; places may overlap. */
  find(line: string, found: (begin: number, end: number) => void): void {
    if (this.#beginnings.size > 0) this.#findWhole(line, found)
    if (this.#pieces.size > 0) this.#findPieces(line, found)
  }

  #findWhole(line: string, found: (begin: number, end: number) => void): void {
    for (let begin = 0; begin + shortest <= line.length; begin++) {
      if (!this.#beginnings.has(twoAt(line, begin), twoAt(line, begin + 2))) continue
      const most = Math.min(this.#longestWhole, line.length - begin)
      let [a, b, longest] = [0, 0, 0]
      for (let length = 1; length <= most; length++) {
        const code = line.charCodeAt(begin + length - 1)
        a = (Math.imul(a, multiplierA) + code) | 0
        b = (Math.imul(b, multiplierB) + code) | 0
        if (length >= shortest && this.#whole.has(a, b)) longest = length
      }
      if (longest > 0) found(begin, begin + longest)
    }
  }

  #findPieces(line: string, found: (begin: number, end: number) => void): void {
    let [a, b] = [0, 0]
    for (let end = 1; end <= line.length; end++) {
      const code = line.charCodeAt(end - 1)
      a = (Math.imul(a, multiplierA) + code) | 0
      b = (Math.imul(b, multiplierB) + code) | 0
      if (end < pieceLength) continue
      if (end > pieceLength) {
        const left = line.charCodeAt(end - pieceLength - 1)
        a = (a - Math.imul(left, leavingA)) | 0
        b = (b - Math.imul(left, leavingB)) | 0
      }
      if (this.#pieces.has(a, b)) found(end - pieceLength, end)
    }
  }
}

/** Two characters as one number. */
function twoAt(text: string, at: number): number {
  return text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16)
}

function power(base: number, exponent: number): number {
  let result = 1
  for (let i = 0; i < exponent; i++) result = Math.imul(result, base)
  return result
}
