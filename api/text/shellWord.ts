import { cleanLine } from './cleanText.ts'

/** Nothing in these means anything to a shell, wherever they stand in a word. */
const bare = /^[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./-]*$/u

/**
 * A text as one word of a POSIX shell, whatever is in it. Control characters, which no name in a cluster has, are left
 * out: a terminal would act on them when the command is pasted.
 */
export function shellWord(text: string): string {
  const clean = cleanLine(text)
  return bare.test(clean) ? clean : `'${clean.replaceAll("'", `'\\''`)}'`
}

/** A command to be pasted: every value in it becomes a word, or a part of one. */
export function shell(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return parts.map((part, at) => part + (at < values.length ? shellWord(values[at] ?? '') : '')).join('')
}
