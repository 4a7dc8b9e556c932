/**
 * JSON with sorted keys and without absent (undefined) properties: equal values give equal text, so it can be
 * hashed. `value` is what JSON can hold; -0 is 0, as in JSON.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, nested: unknown) =>
    typeof nested === 'object' && nested !== null && !Array.isArray(nested)
      ? Object.fromEntries(Object.entries(nested).sort(([a], [b]) => (a < b ? -1 : 1)))
      : nested,
  )
}
