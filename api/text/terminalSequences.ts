/** Where what stands at a control character ends. */
export interface Sequence {
  readonly end: number
  /** It is a sequence, and not a single character. */
  readonly whole: boolean
  /** It may go on in the next piece of the text. */
  readonly open: boolean
}

/** A string for the terminal (a title, a link) that is longer is shown as the text it is. */
const longestString = 4096
const escape = 0x1b
const bell = 0x07

/**
 * The terminal sequence (ECMA-48) at a control character: a CSI sequence, a string that ends with BEL or ST, or an
 * escape with its final. What is no sequence ends after its introducer. A search for an end stops at the next escape or
 * line feed, so no character is searched twice.
 */
export function sequenceAt(text: string, at: number): Sequence {
  const code = text.charCodeAt(at)
  if (code === 0x9b) return controlSequence(text, at, at + 1)
  if (isStringIntroducer(code)) return controlString(text, at, at + 1)
  if (code !== escape) return single(at)
  if (at + 1 === text.length) return open(at)
  const next = text.charCodeAt(at + 1)
  if (next === 0x5b) return controlSequence(text, at, at + 2)
  if (isStringIntroducer(next + 0x40)) return controlString(text, at, at + 2)
  return finalAfter(text, at, at + 1, 0x30)
}

function controlSequence(text: string, at: number, begin: number): Sequence {
  let end = begin
  while (end < text.length && between(text.charCodeAt(end), 0x30, 0x3f)) end++
  return finalAfter(text, at, end, 0x40)
}

/** Intermediate characters and one final. */
function finalAfter(text: string, at: number, begin: number, lowest: number): Sequence {
  let end = begin
  while (end < text.length && between(text.charCodeAt(end), 0x20, 0x2f)) end++
  if (end === text.length) return end - at > longestString ? single(at) : open(at)
  return between(text.charCodeAt(end), lowest, 0x7e) ? { end: end + 1, whole: true, open: false } : single(at)
}

function controlString(text: string, at: number, begin: number): Sequence {
  const limit = Math.min(text.length, begin + longestString)
  for (let end = begin; end < limit; end++) {
    const code = text.charCodeAt(end)
    if (code === bell || code === 0x9c) return { end: end + 1, whole: true, open: false }
    if (code === escape && end + 1 === text.length) return { ...single(at), end: begin, open: true }
    if (code === escape && text[end + 1] === '\\') return { end: end + 2, whole: true, open: false }
    if (code === escape || code === 0x0a) return { end: begin, whole: false, open: false }
  }
  return { end: begin, whole: false, open: limit === text.length }
}

const single = (at: number): Sequence => ({ end: at + 1, whole: false, open: false })
const open = (at: number): Sequence => ({ end: at + 1, whole: false, open: true })
const between = (code: number, low: number, high: number) => code >= low && code <= high

/** DCS, SOS, OSC, PM and APC as one character of 8 bits. */
function isStringIntroducer(code: number): boolean {
  return code === 0x90 || code === 0x98 || between(code, 0x9d, 0x9f)
}
