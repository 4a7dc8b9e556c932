import { cleanPiece } from '../../api/text/cleanText.ts'
import { ownColour } from './style.ts'

/** Where a piece of output goes in the end. */
export interface Sink {
  readonly write: (text: string) => unknown
}

/**
 * The one way by which the plugin writes: texts of users, builds, nodes and servers reach no terminal as anything but
 * text. Only colours of ours (`createStyle`) pass. What is cut in two between two writes of bytes is put together again.
 */
export class TerminalWriter {
  readonly #sink: Sink
  readonly #decoder = new TextDecoder()
  #rest = ''

  constructor(sink: Sink) {
    this.#sink = sink
  }

  /** A whole text, or the next bytes of a stream. */
  write(piece: string | Uint8Array): boolean {
    const isStream = typeof piece !== 'string'
    const next = isStream ? this.#decoder.decode(piece, { stream: true }) : this.#decoder.decode() + piece
    const { text, rest } = cleanPiece(this.#rest + next, { more: isStream, keep: ownColour })
    this.#rest = rest
    if (text !== '') this.#sink.write(text)
    return true
  }

  /** Writes what is left of a stream that has ended. */
  end(): void {
    if (this.#rest !== '') this.write('')
  }
}

/** A text as `TerminalWriter` writes it. */
export function forTerminal(text: string): string {
  return cleanPiece(text, { keep: ownColour }).text
}
