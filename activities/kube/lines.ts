/**
 * Splits a byte stream into lines, without their `\n`; the last line comes even when unfinished. A line longer than
 * `maxLength` characters is cut into pieces, so that a stream without line ends cannot fill the memory.
 */
export async function* lines(
  stream: AsyncIterable<Uint8Array>,
  maxLength = Number.POSITIVE_INFINITY,
): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const parts = decoder.decode(chunk, { stream: true }).split('\n')
    parts[0] = rest + (parts[0] ?? '')
    rest = parts.pop() ?? ''
    for (const part of parts) yield* pieces(part, maxLength)
    while (rest.length > maxLength) {
      yield rest.slice(0, maxLength)
      rest = rest.slice(maxLength)
    }
  }
  rest += decoder.decode()
  if (rest !== '') yield* pieces(rest, maxLength)
}

function* pieces(line: string, maxLength: number): Generator<string> {
  if (line.length <= maxLength) {
    yield line
    return
  }
  for (let start = 0; start < line.length; start += maxLength) yield line.slice(start, start + maxLength)
}
