import { cleanText } from '../../api/text/cleanText.ts'

/** As it will be written: colours take no room. */
const width = (text: string) => cleanText(text).length

/** Columns as kubectl aligns them: three spaces between, capitals above. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
        .join('   ')
        .trimEnd(),
    )
    .join('\n')
}
