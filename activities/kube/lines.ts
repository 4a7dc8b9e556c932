/** A line without its `\n`, or a part of one that goes on in the next piece. */
export interface LinePiece {
  readonly text: string
  readonly ends: boolean
}

/** So much is read at once, and so many pieces come at once, whatever the size of the chunks. */
const sliceBytes = 64 * 1024
const slicePieces = 1024

/** Splits a byte stream into lines, without their `\n`; the last line comes even when unfinished. */
export async function* lines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  for await (const pieces of linePieces(stream)) for (const { text } of pieces) yield text
}

/**
 * Splits a byte stream into lines, a list for each slice of it; the last line comes even when unfinished. A line longer
 * than `maxLength` characters is cut into pieces, so that a stream without line ends cannot fill the memory.
 */
export async function* linePieces(
  stream: AsyncIterable<Uint8Array>,
  maxLength = Number.POSITIVE_INFINITY,
): AsyncGenerator<readonly LinePiece[]> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; at += sliceBytes) {
      const text = decoder.decode(chunk.subarray(at, at + sliceBytes), { stream: true })
      let pieces: LinePiece[] = []
      let begin = 0
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', begin)) {
        cut(rest + text.slice(begin, end), maxLength, pieces)
        rest = ''
        begin = end + 1
        if (pieces.length < slicePieces) continue
        yield pieces
        pieces = []
      }
      rest += text.slice(begin)
      while (rest.length > maxLength) {
        pieces.push({ text: rest.slice(0, maxLength), ends: false })
        rest = rest.slice(maxLength)
      }
      if (pieces.length > 0) yield pieces
    }
  }
  const pieces: LinePiece[] = []
  rest += decoder.decode()
  if (rest !== '') cut(rest, maxLength, pieces)
  if (pieces.length > 0) yield pieces
}

function cut(line: string, maxLength: number, into: LinePiece[]): void {
  let begin = 0
  for (; line.length - begin > maxLength; begin += maxLength) {
    into.push({ text: line.slice(begin, begin + maxLength), ends: false })
  }
  into.push({ text: line.slice(begin), ends: true })
}
