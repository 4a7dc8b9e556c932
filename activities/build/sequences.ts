import { stripVTControlCharacters } from 'node:util'

const escape = '\u001b'
/** An operating system command of a terminal, such as a link or a title, begins and ends so. */
const introducer = '\u001b]'
const terminators = ['\u0007', '\u001b\\', '\u009c']
/** One that is longer is text. */
const longestCommand = 2048

/** A line without the sequences by which programs colour their output, make links or set titles; linear in its length. */
export function withoutSequences(line: string): string {
  if (!line.includes(escape)) return stripVTControlCharacters(line)
  return stripVTControlCharacters(withoutCommands(line)).replaceAll(escape, '')
}

/** Node's function looks for the end of a command anew from each beginning: a line of beginnings takes it long. */
function withoutCommands(line: string): string {
  const ends = terminators.map((terminator) => ({ terminator, at: -1 }))
  const endOf = (begin: number) => {
    for (const end of ends) {
      if (end.at < begin) end.at = unlimited(line.indexOf(end.terminator, begin))
    }
    const { terminator, at } = ends.reduce((first, end) => (end.at < first.at ? end : first))
    return at - begin > longestCommand ? begin : at + terminator.length
  }
  let text = ''
  let at = 0
  for (let begin = line.indexOf(introducer); begin !== -1; begin = line.indexOf(introducer, at)) {
    text = withoutEscapes(text + line.slice(at, begin))
    at = endOf(begin + introducer.length)
  }
  return text + line.slice(at)
}

function unlimited(index: number): number {
  return index === -1 ? Number.POSITIVE_INFINITY : index
}

/** Escapes at the end would make a sequence of what comes next. */
function withoutEscapes(text: string): string {
  let end = text.length
  while (text.charAt(end - 1) === escape) end--
  return text.slice(0, end)
}
