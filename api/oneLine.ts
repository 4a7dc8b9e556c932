import { cleanLine, cutText } from './text/cleanText.ts'

const longest = 300

/** The message of an error, or a text that a server sent, fit for one line of a log. */
export function oneLine(from: unknown): string {
  const text = from instanceof Error ? from.message || from.name : String(from)
  return cutText(cleanLine(text).trim(), longest)
}
