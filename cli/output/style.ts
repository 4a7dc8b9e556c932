import { styleText } from 'node:util'
import type { Surroundings } from '../call.ts'

/** What a piece of text means; what it looks like is decided here alone. */
export interface Style {
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly waiting: (text: string) => string
  readonly faint: (text: string) => string
  readonly strong: (text: string) => string
}

/** Colours on a terminal only, and not where NO_COLOR is set. */
export function createStyle({ stdout, env }: Pick<Surroundings, 'stdout' | 'env'>): Style {
  const colours = stdout.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
  const paint = (format: Parameters<typeof styleText>[0]) => (text: string) =>
    colours ? styleText(format, text, { validateStream: false }) : text
  return {
    good: paint('green'),
    bad: paint('red'),
    waiting: paint('yellow'),
    faint: paint('dim'),
    strong: paint('bold'),
  }
}
