import { Base64Search } from './base64.ts'
import { SecretIndex } from './secretIndex.ts'
import { findUserinfo } from './userinfo.ts'

const stars = '***'
/** Characters on either side of a cut that are looked at together, so that no secret is shown in two halves. */
export const context = 1024

/** Takes the text of a line, or a part of it when it does not end, and returns what may be shown of it so far. */
export type Mask = (text: string, ends?: boolean) => string

/**
 * A function that replaces every value of Secrets in a line, and the user information of URLs. One function for each
 * log: it knows what came before.
 */
export function masker(index: SecretIndex = new SecretIndex()): Mask {
  const base64 = new Base64Search(index.pieces)
  /** The end of what came before of this line; its first `shown` characters have been returned. */
  let before = ''
  let shown = 0
  return (text, ends = true) => {
    const line = before + text
    const places = placesIn(line, index, base64)
    const end = ends ? line.length : Math.max(shown, line.length - context)
    const masked = withStars(line, places, shown, end)
    const kept = ends ? line.length : Math.max(0, end - context)
    before = line.slice(kept)
    shown = end - kept
    return masked
  }
}

/** One for each character that is to be masked; undefined when there is none. */
function placesIn(line: string, index: SecretIndex, base64: Base64Search): Uint8Array | undefined {
  let places: Uint8Array | undefined
  const mark = (begin: number, end: number) => {
    places ??= new Uint8Array(line.length)
    places.fill(1, begin, end)
  }
  index.texts.find(line, mark)
  base64.find(line, (at) => places?.[at] === 1, mark)
  findUserinfo(line, mark)
  return places
}

function withStars(line: string, places: Uint8Array | undefined, begin: number, end: number): string {
  if (places === undefined) return line.slice(begin, end)
  let masked = ''
  for (let at = begin; at < end;) {
    const isMasked = places[at] === 1
    let until = at
    while (until < end && (places[until] === 1) === isMasked) until++
    masked += isMasked ? stars : line.slice(at, until)
    at = until
  }
  return masked
}
