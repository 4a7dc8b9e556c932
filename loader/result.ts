import type { LoaderResult } from '../api/loaderResult.ts'

/** Bytes a termination message may have; Kubernetes cuts what is longer. */
export const terminationMessageLimit = 4096

const bytes = (text: string): number => Buffer.byteLength(text)

/**
 * One line of JSON of at most 4096 bytes, whatever modprobe printed: first the beginning of its output gives way,
 * then the end of the command, then the end of the message.
 */
export function encodeResult(result: LoaderResult): string {
  let fitted = result
  const over = (): number => bytes(JSON.stringify(fitted)) - terminationMessageLimit
  // A character takes at least one byte, so cutting as many characters as bytes are over ends soon and surely.
  while (over() > 0 && fitted.output !== '') fitted = { ...fitted, output: fitted.output.slice(over()) }
  while (over() > 0 && fitted.command.length > 1) fitted = { ...fitted, command: fitted.command.slice(0, -1) }
  while (over() > 0 && fitted.message !== undefined && fitted.message !== '') {
    fitted = { ...fitted, message: fitted.message.slice(0, -over()) }
  }
  return JSON.stringify(fitted)
}
