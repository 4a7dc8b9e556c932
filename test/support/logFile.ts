import { readFileSync } from 'node:fs'

/** How a kubelet writes a line of a container: time, stream, whether the line ends here (F) or goes on (P). */
const containerLine = /^\S+ (?:stdout|stderr) (?<end>[FP]) (?<text>.*)$/

/** The lines that a program has written whole, from its own log file or from the one of its container. */
export function readLogLines(file: string): string[] {
  const lines: string[] = []
  let begun = ''
  for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const { end = 'F', text = line } = containerLine.exec(line)?.groups ?? {}
    begun += text
    if (end === 'P') continue
    lines.push(begun)
    begun = ''
  }
  return lines
}
