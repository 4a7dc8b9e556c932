import { Session } from 'node:inspector/promises'

/** What some work costs. */
export interface Cost {
  /** How often blocks of functions were entered, and how many characters regular expressions went on. */
  readonly steps: number
  /** Regular expressions of JavaScript that were given long texts; what they do inside is not counted. */
  readonly expressions: readonly string[]
}

/** Characters of a text that is long. */
const long = 4096
const ownFile = import.meta.url

/**
 * Begins to count, for the rest of this thread: blocks as V8 counts them for coverage, in packages, too. V8 counts in
 * functions only that it compiles afterwards, so what is measured must not have run before. What V8 does itself
 * (`indexOf`, `sort`, JSON) is not counted.
 */
export async function startCounting(): Promise<(work: () => unknown) => Promise<Cost>> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  const counted = countExpressions()
  return async (work) => {
    await session.post('Profiler.takePreciseCoverage')
    counted.clear()
    await work()
    const { result } = await session.post('Profiler.takePreciseCoverage')
    const blocks = result
      .filter(({ url }) => !url.startsWith('node:') && url !== ownFile)
      .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges.map(({ count }) => count)))
    return {
      steps: blocks.reduce((sum, count) => sum + count, 0) + counted.characters(),
      expressions: [...counted.expressions].toSorted(),
    }
  }
}

/** Has every use of a regular expression counted: all of them come to `exec` when it is not the built-in one. */
function countExpressions() {
  let characters = 0
  const expressions = new Set<string>()
  const exec: (this: RegExp, text: string) => RegExpExecArray | null = Reflect.get(RegExp.prototype, 'exec')
  RegExp.prototype.exec = function counting(this: RegExp, text: string) {
    const from = this.global || this.sticky ? this.lastIndex : 0
    const match = exec.call(this, text)
    const end = match === null ? text.length : match.index + match[0].length
    characters += match === null && this.sticky ? 1 : end - from
    if (text.length > long) expressions.add(String(this))
    return match
  }
  const clear = () => {
    characters = 0
    expressions.clear()
  }
  return { characters: () => characters, expressions, clear }
}
