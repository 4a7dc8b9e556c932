const escape = '\u001B'
const sequenceOrCharacter = new RegExp(String.raw`${escape}\[[?\d;]*[A-Za-z]|.`, 'gsu')
/** What is whole, and the beginning of a sequence. */
const split = new RegExp(String.raw`^(.*?)(${escape}(?:\[[?\d;]*)?)?$`, 'su')

/** As much of a terminal as the screen uses. What it does not know, and text beyond its last column, throw. */
export class SimulatedTerminal {
  columns: number
  rows: number
  cursorIsShown = true
  /** Whether the other screen is up. */
  isOther = false
  #pages: Record<'main' | 'other', string[][]> = { main: [], other: [] }
  #rest = ''
  #row = 0
  #column = 0

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
  }

  /** What can be read on it now. */
  get text(): string {
    return this.#page
      .map((line) =>
        Array.from(line, (character) => character ?? ' ')
          .join('')
          .trimEnd(),
      )
      .join('\n')
      .trimEnd()
  }

  get #page(): string[][] {
    return this.#pages[this.isOther ? 'other' : 'main']
  }

  write(piece: string): void {
    // A sequence may come in two pieces.
    const [, text = '', rest = ''] = split.exec(this.#rest + piece) ?? []
    this.#rest = rest
    for (const [token] of text.matchAll(sequenceOrCharacter)) this.#take(token)
  }

  #take(token: string): void {
    switch (token) {
      case '\u001B[?1049h':
        this.#pages.other = []
        this.isOther = true
        return
      case '\u001B[?1049l':
        this.isOther = false
        return
      case '\u001B[?25l':
      case '\u001B[?25h':
        this.cursorIsShown = token.endsWith('h')
        return
      case '\u001B[H':
        this.#row = 0
        this.#column = 0
        return
      case '\u001B[J':
        this.#page.length = Math.min(this.#page.length, this.#row)
        return
      case '\u001B[K':
        this.#page[this.#row]?.splice(this.#column)
        return
      case '\r':
        this.#column = 0
        return
      case '\n':
        if (++this.#row === this.rows) throw new Error('it scrolls')
        return
      default:
        if (token.startsWith(escape) && token.endsWith('m')) return
        if (/\p{Cc}/u.test(token)) throw new Error(`unknown: ${JSON.stringify(token)}`)
        if (this.#column === this.columns) throw new Error(`"${token}" stands beyond the last column`)
        for (let row = this.#page.length; row <= this.#row; row++) this.#page[row] = []
        ;(this.#page[this.#row] ?? [])[this.#column++] = token
    }
  }
}
