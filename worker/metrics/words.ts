/** So many different words of one label are told apart; a metric has no more series than that, whatever comes. */
const most = 100

/**
 * Bounds what may stand in a label: a word is kept when it is one CamelCase word and not one too many; all others are
 * `Other`. Reasons of ours are few, but some are taken over from kubelets and their container runtimes.
 */
export function boundedWords(): (word: string) => string {
  const known = new Set<string>()
  return (word) => {
    if (known.has(word)) return word
    if (known.size >= most || !/^[A-Za-z0-9]{1,64}$/.test(word)) return 'Other'
    known.add(word)
    return word
  }
}
