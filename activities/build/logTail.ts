import { stripVTControlCharacters } from 'node:util'

/** Bytes of a build log that are kept (design: "The log tail, 64 KiB at most, is stored once"). */
export const logTailLimit = 64 * 1024
/** Bytes of error lines in status and details. */
const errorLinesLimit = 2 * 1024
/** Characters of a line in status and details. */
const longestErrorLine = 300
/** Stands before the error lines of a log tail. */
export const errorMark = '>>> '

/** kaniko's own progress repeats the commands of the Dockerfile, whose words may be anything. */
const progressLine = /^(?:time="[^"]*" level=(?:info|debug) |(?:INFO|DEBU)\[\d+\] )/
/** With this line a command of the Dockerfile begins. */
const commandLine = /\bRunning: \[/
/** What makes a line worth showing first: compilers, make, kaniko and shells say so in these words. */
const errorLine =
  /\b(error|fatal|cannot|failed|no such file|not found|denied|undefined reference)\b|: \*\*\* /i

interface Line {
  readonly text: string
  readonly kind: 'plain' | 'error' | 'command'
}

/**
 * Keeps the end of a log and its error lines, without colours. `mask` removes secrets from a line before anything is
 * kept.
 */
export class LogTail {
  #mask: (line: string) => string
  #lines: Line[] = []
  #bytes = 0
  #errors: string[] = []
  last = ''

  constructor(mask: (line: string) => string) {
    this.#mask = mask
  }

  /** Begins anew, for a log that is read again from its beginning. */
  clear(): void {
    this.#lines = []
    this.#bytes = 0
    this.#errors = []
  }

  /** Masks what is kept, and what comes, with more than was known before. */
  maskWith(mask: (line: string) => string): void {
    this.#mask = mask
    const kept = this.#lines
    this.clear()
    for (const { text } of kept) this.add(text)
  }

  add(raw: string): void {
    const line = lineOf(this.#mask(stripVTControlCharacters(raw)))
    if (line.text.trim() !== '') this.last = line.text.slice(0, 200)
    this.#lines.push(line)
    this.#bytes += sizeOf(line)
    while (this.#bytes > logTailLimit && this.#lines.length > 1) {
      const first = this.#lines.shift()
      this.#bytes -= first === undefined ? 0 : sizeOf(first)
    }
    if (line.kind === 'error') this.#errors = [...this.#errors, line.text].slice(-20)
  }

  /** The end of the log as a person reads it: error lines are marked. */
  marked(): string {
    return Buffer.from(this.#lines.map(shown).join('\n')).subarray(-logTailLimit).toString()
  }

  /** The end of the log as it is. */
  text(): string {
    return this.#lines.map((line) => line.text).join('\n')
  }

  /** What the last command of the Dockerfile wrote, and the executor after it. */
  lastCommand(): string {
    const begin = this.#lines.findLastIndex((line) => line.kind === 'command')
    return this.#lines
      .slice(begin + 1)
      .map((line) => line.text)
      .join('\n')
  }

  /** The last error lines, or the last lines when none looks like an error. */
  errorLines(): string {
    const chosen = this.#errors.length > 0 ? this.#errors : this.#lines.slice(-5).map((line) => line.text)
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

function lineOf(text: string): Line {
  if (progressLine.test(text)) return { text, kind: commandLine.test(text) ? 'command' : 'plain' }
  return { text, kind: errorLine.test(text) ? 'error' : 'plain' }
}

function shown({ text, kind }: Line): string {
  return kind === 'error' ? `${errorMark}${text}` : text
}

function sizeOf(line: Line): number {
  return Buffer.byteLength(shown(line)) + 1
}
