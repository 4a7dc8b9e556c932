import { randomInt } from 'node:crypto'
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

/**
 * Stands in every colour of ours until it is written, and is not known to who writes the texts that are shown: colours
 * in them are told from ours by it. Parameters of four digits, which all that counts the width of a line knows.
 */
const sign = Array.from({ length: 4 }, () => randomInt(1000, 10_000)).join(';')
const ours = new RegExp(`^\\u001B\\[(\\d{1,2});${sign}m$`, 'u')

/** Colours on a terminal only, and not where NO_COLOR is set. They are for a `TerminalWriter`, which knows them. */
export function createStyle({
  stdout,
  env,
}: {
  readonly stdout: Pick<Surroundings['stdout'], 'isTTY'>
  readonly env: NodeJS.ProcessEnv
}): Style {
  const colours = stdout.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
  const paint = (format: Parameters<typeof styleText>[0]) => {
    const [begin = '', end = ''] = styleText(format, '\0', { validateStream: false })
      .split('\0')
      .map((code) => code.replace('m', `;${sign}m`))
    return (text: string) => (colours ? `${begin}${text}${end}` : text)
  }
  return {
    good: paint('green'),
    bad: paint('red'),
    waiting: paint('yellow'),
    faint: paint('dim'),
    strong: paint('bold'),
  }
}

/** A colour of ours as a terminal knows it; undefined for any other sequence. */
export function ownColour(sequence: string): string | undefined {
  const code = ours.exec(sequence)?.[1]
  return code === undefined ? undefined : `\u001B[${code}m`
}
