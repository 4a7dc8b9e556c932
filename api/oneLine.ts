const longest = 300

/** The message of an error, or a text that a server sent, fit for one line of a log. */
export function oneLine(from: unknown): string {
  const text = from instanceof Error ? from.message || from.name : String(from)
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, longest)
}
