/**
 * Is resource version `a` newer than `b` of the same kind? Kubernetes documents them as comparable numbers; they
 * may have more digits than a double holds.
 */
export function newer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length
}
