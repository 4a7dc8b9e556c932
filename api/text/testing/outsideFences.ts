/** Lines outside of fences; throws where a fence is left open. */
export function outsideFences(page: string): string[] {
  const outside: string[] = []
  let fence: string | undefined
  for (const line of page.split('\n')) {
    const ticks = /^`{3,}/u.exec(line)?.[0]
    if (fence === undefined && ticks !== undefined) fence = ticks
    else if (fence === undefined) outside.push(line)
    else if (ticks !== undefined && ticks.length >= fence.length && line === ticks) fence = undefined
  }
  if (fence !== undefined) throw new Error('a fence is open')
  return outside
}
