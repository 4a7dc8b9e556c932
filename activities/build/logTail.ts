import { stripVTControlCharacters } from 'node:util'

/** Bytes of a build log that are kept (design: "The log tail, 64 KiB at most, is stored once"). */
export const logTailLimit = 64 * 1024
/** Bytes of error lines in status and details. */
const errorLinesLimit = 2 * 1024
/** Characters of a line in status and details. */
const longestErrorLine = 300

/** kaniko's own progress repeats the commands of the Dockerfile, whose words may be anything. */
const progressLine = /^time="[^"]*" level=(info|debug) /

/** What makes a line worth showing first: compilers, make, kaniko and shells say so in these words. */
const errorLine =
  /\b(error|fatal|cannot|failed|no such file|not found|denied|undefined reference)\b|: \*\*\* /i

/**
 * Keeps the end of a log and its error lines, without colours. `mask` removes secrets from a line before anything is
 * kept.
 */
export class LogTail {
  readonly #mask: (line: string) => string
  #lines: string[] = []
  #bytes = 0
  #errors: string[] = []
  last = ''

  constructor(mask: (line: string) => string) {
    this.#mask = mask
  }

  add(raw: string): void {
    const line = this.#mask(stripVTControlCharacters(raw))
    if (line.trim() !== '') this.last = line.slice(0, 200)
    this.#lines.push(line)
    this.#bytes += Buffer.byteLength(line) + 1
    while (this.#bytes > logTailLimit && this.#lines.length > 1) {
      this.#bytes -= Buffer.byteLength(this.#lines.shift() ?? '') + 1
    }
    if (errorLine.test(line) && !progressLine.test(line)) this.#errors = [...this.#errors, line].slice(-20)
  }

  text(): string {
    return Buffer.from(this.#lines.join('\n')).subarray(-logTailLimit).toString()
  }

  /** The last error lines, or the last lines when none looks like an error. */
  errorLines(): string {
    const chosen = this.#errors.length > 0 ? this.#errors : this.#lines.slice(-5)
    const kept: string[] = []
    let bytes = 0
    for (const whole of chosen.toReversed()) {
      const line = whole.slice(0, longestErrorLine)
      bytes += Buffer.byteLength(line) + 1
      if (bytes > errorLinesLimit) break
      kept.unshift(line)
    }
    return kept.join('\n')
  }
}
