import { sequenceAt } from './terminalSequences.ts'

/** What stands for half of a pair that has lost the other half. */
const replacement = '\uFFFD'

interface Options {
  /** More comes after this piece: what is cut in two at its end is given back as `rest`. */
  readonly more?: boolean
  /** What stands for a terminal sequence; nothing by default. */
  readonly keep?: (sequence: string) => string | undefined
}

/** `rest` belongs before the next piece. */
export interface CleanedPiece {
  readonly text: string
  readonly rest: string
}

/**
 * A piece of text from outside without what a terminal, the API server (which reads YAML) or Temporal (which takes
 * well-formed Unicode alone) would act on or refuse: terminal sequences, control characters, controls of the writing
 * direction, byte order marks, noncharacters and lone surrogates. Tabs and line feeds stay; a carriage return and the
 * line separators of Unicode become line feeds, so that no text hides another. Linear in its length.
 */
export function cleanPiece(piece: string, { more = false, keep }: Options = {}): CleanedPiece {
  let text = ''
  let plain = 0
  let at = 0
  const replaceBy = (end: number, by: string) => {
    text += piece.slice(plain, at) + by
    plain = end
    at = end
  }
  while (at < piece.length) {
    const code = piece.charCodeAt(at)
    if (isPlain(code)) {
      at++
      continue
    }
    const last = at === piece.length - 1
    if (isHighSurrogate(code) && isLowSurrogate(piece.charCodeAt(at + 1))) {
      at += 2
    } else if (more && last && (code === 0x0d || isHighSurrogate(code))) {
      return { text: text + piece.slice(plain, at), rest: piece.slice(at) }
    } else if (code === 0x0d) {
      replaceBy(at + (piece[at + 1] === '\n' ? 2 : 1), '\n')
    } else if (code >= 0xd800 && code <= 0xdfff) {
      replaceBy(at + 1, replacement)
    } else if (code === 0x2028 || code === 0x2029) {
      replaceBy(at + 1, '\n')
    } else {
      const sequence = sequenceAt(piece, at)
      if (more && sequence.open) return { text: text + piece.slice(plain, at), rest: piece.slice(at) }
      const kept = sequence.whole ? keep?.(piece.slice(at, sequence.end)) : undefined
      replaceBy(sequence.end, kept ?? '')
    }
  }
  return { text: text + piece.slice(plain), rest: '' }
}

/** A whole text, cleaned as `cleanPiece` says. */
export function cleanText(text: string): string {
  return cleanPiece(text).text
}

/** The same on one line: line feeds become spaces. */
export function cleanLine(text: string): string {
  return cleanText(text).replaceAll('\n', ' ')
}

/** The first `most` UTF-16 units of a text at most, which never end with half of a pair. */
export function cutText(text: string, most: number): string {
  const end = isHighSurrogate(text.charCodeAt(most - 1)) ? most - 1 : most
  return text.length <= most ? text : text.slice(0, end)
}

/** A value for JSON with every text in it cleaned, at any depth. Names of members stay. */
export function withCleanText<T>(value: T): T {
  return cleaned(value) as T
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (Array.isArray(value)) return value.map(cleaned)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cleaned(member)]))
}

const isHighSurrogate = (code: number) => code >= 0xd800 && code <= 0xdbff
const isLowSurrogate = (code: number) => code >= 0xdc00 && code <= 0xdfff

function isPlain(code: number): boolean {
  if (code < 0x20) return code === 0x09 || code === 0x0a
  if (code < 0x7f) return true
  if (code < 0xa0) return false
  if (code < 0x2028) return true
  if (code <= 0x2069) return !isSeparator(code) && !isDirection(code)
  if (code < 0xd800) return true
  return code > 0xdfff && code !== 0xfeff && code < 0xfffe && (code < 0xfdd0 || code > 0xfdef)
}

const isSeparator = (code: number) => code === 0x2028 || code === 0x2029

/** Embeddings, overrides and isolates. */
const isDirection = (code: number) => (code >= 0x202a && code <= 0x202e) || code >= 0x2066
