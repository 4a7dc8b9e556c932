/** Time since, as kubectl writes an age: `45s`, `12m`, `3h5m`, `4d`. `now` in milliseconds since 1970. */
export function since(time: string | undefined, now: number): string {
  return time === undefined ? '' : elapsed(now - Date.parse(time))
}

/** A duration in milliseconds, in at most two units. */
export function elapsed(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (seconds < 120) return `${seconds}s`
  if (minutes < 10) return `${minutes}m${seconds % 60}s`
  if (hours < 2) return `${minutes}m`
  if (hours < 10) return `${hours}h${minutes % 60}m`
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`
}
