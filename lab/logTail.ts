import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const windowBytes = 16 * 1024

/** The last `count` lines of a log file that hold anything, oldest first; none when there is no such file. */
export function logTail(file: string, count: number): readonly string[] {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch {
    return []
  }
  try {
    const { size } = fstatSync(descriptor)
    const buffer = Buffer.alloc(Math.min(size, windowBytes))
    readSync(descriptor, buffer, 0, buffer.length, size - buffer.length)
    return buffer
      .toString('utf8')
      .split('\n')
      .map((line) => line.trimEnd().slice(0, 500))
      .filter((line) => line !== '')
      .slice(-count)
  } finally {
    closeSync(descriptor)
  }
}
