import { cleanLine } from '../../api/text/cleanText.ts'
import type { Mask } from './masking/masker.ts'
import { withoutSequences } from './sequences.ts'

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

/** A sequence of control characters that is cut in two is put together again when it is no longer than this. */
const longestSequence = 256

/**
 * Keeps the end of a log and its error lines, without colours. `mask` removes secrets from a line before anything is
 * kept.
 */
export class LogTail {
  readonly #mask: Mask
  #lines: Line[] = []
  /** Lines before this one are kept no longer. */
  #first = 0
  #bytes = 0
  #errors: string[] = []
  #last = ''
  #withheld: string | undefined
  /** The beginning of a sequence of control characters at the end of what came before. */
  #sequence = ''
  /** What came last goes on. */
  #inLine = false

  constructor(mask: Mask) {
    this.#mask = mask
  }

  /** The last line that is not blank, cut. */
  get last(): string {
    return this.#withheld === undefined ? this.#last : ''
  }

  /** Begins anew, for a log that is read again from its beginning. */
  clear(): void {
    this.#endLine()
    this.#forget()
  }

  #forget(): void {
    this.#lines = []
    this.#first = 0
    this.#bytes = 0
    this.#errors = []
  }

  /** Masks what is kept with more than was known before. */
  maskAnew(mask: Mask): void {
    const kept = this.#kept()
    this.#forget()
    for (const { text } of kept) this.#keep(mask(text))
  }

  /** From now on `reason` is shown in place of the log, which still says how the build ended. */
  withhold(reason: string): void {
    this.#withheld = reason
  }

  /** Adds a line, or a part of one that goes on in the next call. */
  add(raw: string, ends = true): void {
    const whole = this.#sequence + raw
    const begin = ends ? -1 : whole.lastIndexOf('\u001b')
    const isCut = begin !== -1 && whole.length - begin < longestSequence
    this.#sequence = isCut ? whole.slice(begin) : ''
    const masked = this.#mask(withoutSequences(isCut ? whole.slice(0, begin) : whole), ends)
    if (ends || masked !== '') this.#keep(masked)
    this.#inLine = !ends
  }

  /** Adds a line that is not of the log, after what there is of one that was not read to its end. */
  addAside(line: string): void {
    this.#endLine()
    this.#keep(line)
  }

  #endLine(): void {
    if (this.#inLine) this.add('')
  }

  #keep(text: string): void {
    const line = lineOf(text)
    if (line.text.trim() !== '') this.#last = line.text.slice(0, 200)
    this.#lines.push(line)
    this.#bytes += sizeOf(line)
    while (this.#bytes > logTailLimit && this.#first < this.#lines.length - 1) {
      const first = this.#lines[this.#first++]
      this.#bytes -= first === undefined ? 0 : sizeOf(first)
    }
    // Now and then: to take one line from the beginning of a long array moves all the others.
    if (this.#first > 1000 && this.#first * 2 > this.#lines.length) {
      this.#lines = this.#kept()
      this.#first = 0
    }
    if (line.kind === 'error') this.#errors = [...this.#errors, line.text].slice(-20)
  }

  #kept(): Line[] {
    return this.#lines.slice(this.#first)
  }

  /** The end of the log as a person reads it: error lines are marked. */
  marked(): string {
    if (this.#withheld !== undefined) return this.#withheld
    return Buffer.from(this.#kept().map(shown).join('\n')).subarray(-logTailLimit).toString()
  }

  /** The end of the log as it is, also when it is withheld: only to find out how the build ended. */
  text(): string {
    return this.#kept()
      .map((line) => line.text)
      .join('\n')
  }

  /** What the last command of the Dockerfile wrote, and the executor after it; as `text`, only to find out. */
  lastCommand(): string {
    const kept = this.#kept()
    const begin = kept.findLastIndex((line) => line.kind === 'command')
    return kept
      .slice(begin + 1)
      .map((line) => line.text)
      .join('\n')
  }

  /** The last error lines, or the last lines when none looks like an error. */
  errorLines(): string {
    if (this.#withheld !== undefined) return this.#withheld
    const chosen =
      this.#errors.length > 0
        ? this.#errors
        : this.#kept()
            .slice(-5)
            .map((line) => line.text)
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

/** A line as it is kept. What a carriage return has been written over stays readable beside it. */
function lineOf(raw: string): Line {
  const text = cleanLine(raw.endsWith('\r') ? raw.slice(0, -1) : raw)
  if (progressLine.test(text)) return { text, kind: commandLine.test(text) ? 'command' : 'plain' }
  return { text, kind: errorLine.test(text) ? 'error' : 'plain' }
}

function shown({ text, kind }: Line): string {
  return kind === 'error' ? `${errorMark}${text}` : text
}

function sizeOf(line: Line): number {
  return Buffer.byteLength(shown(line)) + 1
}
