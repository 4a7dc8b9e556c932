/** A text that is no duration. */
export class DurationError extends Error {
  override readonly name = 'DurationError'
}

const millisecondsPerUnit: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

const whole = /^([-+]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/u
const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gu

/**
 * Milliseconds of a duration as Go writes it, such as `30s`, `1h30m` or `-1.5h`; a number needs a unit, only `0` does
 * not.
 * @throws DurationError
 */
export function parseDuration(text: string): number {
  if (/^[-+]?0$/u.test(text)) return 0
  const match = whole.exec(text)
  if (match === null) throw new DurationError(`"${text}" is not a duration; write it like 30s, 5m or 1h30m`)
  const [, sign, parts = ''] = match
  let milliseconds = 0
  for (const [, count, unit = ''] of parts.matchAll(part)) {
    milliseconds += Number(count) * (millisecondsPerUnit[unit] ?? Number.NaN)
  }
  return sign === '-' ? -milliseconds : milliseconds
}

/** A duration as Go prints it: `0s`, `500ms`, `1.5s`, `1m0s`, `1h30m0s`. Parts of a millisecond are rounded. */
export function formatDuration(milliseconds: number): string {
  const total = Math.round(Math.abs(milliseconds))
  const sign = milliseconds < 0 && total > 0 ? '-' : ''
  if (total > 0 && total < 1000) return `${sign}${total}ms`
  const hours = Math.floor(total / 3_600_000)
  const minutes = Math.floor(total / 60_000) % 60
  const seconds = (total % 60_000) / 1000
  const leading = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : ''
  return `${sign}${leading}${seconds}s`
}
