/**
 * A set of pairs of 32-bit integers in typed arrays: eight bytes a place, three quarters of the places taken at most.
 * A Set of strings or of objects needs ten times that.
 */
export class PairSet {
  #places = new Int32Array(2 * 16)
  #size = 0

  /** Number of different pairs. */
  get size(): number {
    return this.#size
  }

  /** What it occupies, in bytes. */
  get bytes(): number {
    return this.#places.byteLength
  }

  add(a: number, b: number): void {
    if (this.#size * 4 >= (this.#places.length / 2) * 3) this.#grow()
    const second = occupied(a, b)
    const at = this.#find(a, second)
    if (this.#places[at + 1] !== 0 || this.#places[at] !== 0) return
    this.#places[at] = a
    this.#places[at + 1] = second
    this.#size++
  }

  has(a: number, b: number): boolean {
    const at = this.#find(a, occupied(a, b))
    return this.#places[at + 1] !== 0 || this.#places[at] !== 0
  }

  /** Index of the place that holds the pair, or of the free one where it belongs. */
  #find(a: number, b: number): number {
    const places = this.#places
    const mask = places.length - 1
    let at = (slotOf(a, b) << 1) & mask
    for (;;) {
      const second = places[at + 1]
      if (second === 0 && places[at] === 0) return at
      if (second === b && places[at] === a) return at
      at = (at + 2) & mask
    }
  }

  #grow(): void {
    const old = this.#places
    this.#places = new Int32Array(old.length * 2)
    for (let i = 0; i < old.length; i += 2) {
      const [a = 0, b = 0] = [old[i], old[i + 1]]
      if (a === 0 && b === 0) continue
      const at = this.#find(a, b)
      this.#places[at] = a
      this.#places[at + 1] = b
    }
  }
}

/** A free place holds zeros: the pair of zeros is stored as another one. */
function occupied(a: number, b: number): number {
  return a === 0 && b === 0 ? 1 : b | 0
}

function slotOf(a: number, b: number): number {
  let mixed = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d)
  return mixed ^ (mixed >>> 13)
}
