import { forTerminal } from './terminalWriter.ts'

/** A terminal on which one text is drawn again and again, in place. */
export interface Screen {
  /** Shows a text, as much of it as there is room for. */
  readonly show: (text: string) => void
  /** Gives the terminal back as it was, with nothing of ours on it; nothing is shown after that. */
  readonly close: () => void
}

/** Where it is drawn. A terminal that does not know its size has the one of old. */
export interface Terminal {
  readonly write: (text: string) => unknown
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

const escape = '\u001B'
const sequence = (code: string) => `${escape}[${code}`
/** The terminal's other screen, as pagers take it; the cursor is of no use there. */
const enter = sequence('?1049h') + sequence('?25l')
const leave = sequence('?25h') + sequence('?1049l')

/** Takes the terminal over until `close`. */
export function openScreen(terminal: Terminal): Screen {
  terminal.write(enter)
  let isOpen = true
  return {
    show(text) {
      const { columns, rows } = terminal
      if (isOpen) terminal.write(frame(text, { columns: columns || 80, rows: rows || 24 }))
    },
    close() {
      if (isOpen) terminal.write(leave)
      isOpen = false
    },
  }
}

/** One drawing, over the one before. No line is wrapped, and nothing scrolls. */
function frame(text: string, { columns, rows }: { readonly columns: number; readonly rows: number }): string {
  const all = forTerminal(text).trimEnd().split('\n')
  const more = `… ${all.length - rows + 1} more lines`
  const lines = all.length <= rows ? all : [...all.slice(0, rows - 1), more]
  const drawn = lines.map((line) => sequence('K') + fitting(line, columns)).join('\r\n')
  const below = lines.length < rows ? `\r\n${sequence('J')}` : ''
  return sequence('H') + drawn + below
}

/** What has been cleaned has no other sequences. */
const colourOrCharacter = new RegExp(String.raw`${escape}\[\d*m|.`, 'gsu')

/** A line cut to a width. Colours take no room, and end with the line. */
function fitting(line: string, columns: number): string {
  const tokens = line.replaceAll('\t', '  ').match(colourOrCharacter) ?? []
  const isColour = (token: string) => token.startsWith(escape)
  const width = tokens.filter((token) => !isColour(token)).length
  if (width === tokens.length && width <= columns) return tokens.join('')
  let room = width > columns ? columns - 1 : columns
  const kept = tokens.filter((token) => isColour(token) || room-- > 0).join('')
  return `${kept}${sequence('m')}${width > columns ? '…' : ''}`
}
