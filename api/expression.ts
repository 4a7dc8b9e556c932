import { RE2JS, RE2JSException } from 're2js'

/** An expression that cannot be used; the message says why. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError'
}

/** Most steps of one compiled expression; each takes about 60 bytes. A list of 200 kernel releases has 4000. */
const stepLimit = 8000
/** Steps of all expressions that are kept compiled. */
const cacheLimit = 1_000_000

const compiled = new Map<string, RE2JS>()
let cachedSteps = 0

/**
 * A user's regular expression, compiled. RE2, because JavaScript's own expressions differ from KMM's and can hang.
 * RE2 is linear in the text but unfolds counted repetitions, up to a thousandfold: what unfolds to too much is refused.
 * @throws ExpressionError
 */
export function compileExpression(text: string): RE2JS {
  const known = compiled.get(text)
  if (known !== undefined) return known
  const steps = unfoldedSteps(text)
  if (steps > stepLimit) {
    throw new ExpressionError(
      `it unfolds to ${steps} steps, more than ${stepLimit}: repeat less, or split it`,
    )
  }
  const expression = compile(text)
  if (cachedSteps + steps > cacheLimit) {
    compiled.clear()
    cachedSteps = 0
  }
  compiled.set(text, expression)
  cachedSteps += steps
  return expression
}

function compile(text: string): RE2JS {
  try {
    return RE2JS.compile(text)
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    throw new ExpressionError(error.message)
  }
}

const escape = /\\(?:Q[^]*?(?:\\E|$)|[pPx]\{[^}]*\}|[pP][A-Z]|[^])?/uy
const characterClass = /\[\^?\]?(?:\[:[^\]]*:\]|\\[^]|[^\]\\])*\]?/uy
const repetition = /\{(\d{1,4})(,(\d{0,4}))?\}/uy

/** About how many steps an expression has with its counted repetitions written out; exact enough for bad ones too. */
export function unfoldedSteps(text: string): number {
  const outer: number[] = []
  let total = 0
  let last = 0
  const add = (steps: number) => {
    total += steps
    last = steps
  }
  for (let at = 0; at < text.length; at++) {
    const token = tokenAt(text, at)
    at += token.length - 1
    if (token === '(') {
      outer.push(total)
      total = 1
    } else if (token === ')') {
      const inner = total
      total = outer.pop() ?? 0
      add(inner)
    } else if (token.length > 2 && token.startsWith('{')) {
      const [, least = '', , most = ''] = repetitionIn(token) ?? []
      const times = Math.max(1, Number(least), Number(most))
      total += last * (times - 1)
      last *= times
    } else {
      add(token.startsWith('\\Q') ? token.length : 1)
    }
  }
  return outer.reduce((sum, steps) => sum + steps, total)
}

function tokenAt(text: string, at: number): string {
  const pattern = { '\\': escape, '[': characterClass, '{': repetition }[text[at] ?? '']
  if (pattern !== undefined) pattern.lastIndex = at
  return pattern?.exec(text)?.[0] ?? text[at] ?? ''
}

function repetitionIn(token: string): RegExpExecArray | null {
  repetition.lastIndex = 0
  return repetition.exec(token)
}
