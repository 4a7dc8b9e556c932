import { setImmediate as othersTurn } from 'node:timers/promises'
import { SecretPieces, tellingBytes } from './base64.ts'
import { ClearTexts } from './clearText.ts'
import { linesOf, valuesIn } from './secretValues.ts'

/** Bytes of all Secrets of a pod, in all their versions: Kubernetes allows 1 MiB for one. */
export const mostSecretBytes = 2 * 1024 * 1024
/** Bytes of the values that they hold, which may be found more than once in different forms. */
const mostValueBytes = 8 * mostSecretBytes
/** Bytes of memory for what the values are found by. */
export const mostIndexBytes = 32 * 1024 * 1024
/** Milliseconds of work after which others have their turn. */
const sliceMs = 10

/**
 * What the values of Secrets are found by in a log, in bounded memory; the values themselves are not kept. They are
 * found in clear text, in base64 (also within longer base64), as part of a URL, and as part of JSON. Values of several
 * lines are found line by line, because a log is read line by line.
 */
export class SecretIndex {
  readonly texts = new ClearTexts()
  readonly pieces = new SecretPieces()
  #secretBytes = 0
  #valueBytes = 0

  /** What it occupies, in bytes. */
  get bytes(): number {
    return this.texts.bytes + this.pieces.bytes
  }

  /** Whether there was more than it takes: then some values are not found. */
  get isExceeded(): boolean {
    return (
      this.#secretBytes > mostSecretBytes || this.#valueBytes > mostValueBytes || this.bytes > mostIndexBytes
    )
  }

  /** Adds all values of a Secret's `data`, in slices between which others have their turn. */
  async add(data: Readonly<Record<string, string>>): Promise<void> {
    let since = performance.now()
    for (const _ of this.#steps(data)) {
      if (this.isExceeded) return
      if (performance.now() - since < sliceMs) continue
      await othersTurn()
      since = performance.now()
    }
  }

  *#steps(data: Readonly<Record<string, string>>): Generator<void> {
    for (const encoded of Object.values(data)) {
      this.#secretBytes += Buffer.byteLength(encoded, 'base64')
      if (this.isExceeded) return yield
      const bytes = Buffer.from(encoded, 'base64')
      const text = bytes.toString('utf8')
      yield* this.#addValue(text, bytes)
      const known = new Set<string>()
      for (const value of valuesIn(text)) {
        if (value === undefined) yield
        else if (!known.has(value)) {
          known.add(value)
          yield* this.#addValue(value, Buffer.from(value))
        }
      }
    }
  }

  *#addValue(value: string, bytes: Uint8Array): Generator<void> {
    this.#valueBytes += bytes.length
    yield* this.pieces.add(bytes)
    if (bytes.length < 2 * tellingBytes) for (const form of base64Forms(value)) this.texts.add(form)
    let length = 0
    for (const line of linesOf(value)) {
      for (const form of formsOf(line)) this.texts.add(form)
      length += line.length + 1
      if (length < sliceLength) continue
      length = 0
      yield
    }
    yield
  }
}

/** Characters of lines that are read before others may have their turn. */
const sliceLength = 16 * 1024

/** How a line of a value may stand in a log. */
function* formsOf(line: string): Generator<string> {
  yield line
  const inUrl = encodeURIComponent(line.toWellFormed())
  if (inUrl !== line) yield inUrl
  const inJson = JSON.stringify(line).slice(1, -1)
  if (inJson !== line) yield inJson
}

/** A short value as a whole: its base64 may hold too few bytes to be known by. */
function base64Forms(value: string): string[] {
  const text = value.trim()
  return [value, text, `${text}\n`].map((plain) => Buffer.from(plain).toString('base64'))
}
