import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { writeExample } from '../../../lab/example.ts'
import { ensurePrograms } from '../../../lab/programs/ensure.ts'
import type { LabState } from '../../../lab/state.ts'
import { blocksOf, shownPattern, type Block } from './page.ts'
import { Terminal, type Ended, type Running } from './terminal.ts'

const root = join(import.meta.dirname, '../../..')

/** Addresses that `npm start` uses unless it is told otherwise, as the page has them. */
export const pageAddresses = { temporal: '10.200.0.1:7233', ui: 'http://10.200.0.1:8233' } as const

/**
 * Somebody who reads docs/walkthrough.md with a lab of their own, and types its shell blocks in order, each whole and
 * as it stands there. What the page shows under a block is to be what the terminal shows.
 */
export class Reader {
  readonly #folder: string
  readonly #left: Block[]
  readonly #terminal: Terminal

  private constructor(folder: string, left: Block[], terminal: Terminal) {
    this.#folder = folder
    this.#left = left
    this.#terminal = terminal
  }

  /** Sits down before a lab that is up, in a folder that looks as `npm start` leaves a fresh clone. */
  static async sitDown(state: LabState): Promise<Reader> {
    const folder = mkdtempSync(join(tmpdir(), 'kmm-walkthrough-'))
    const clone = join(folder, 'clone')
    const home = join(folder, 'home')
    const dir = join(clone, '.lab')
    for (const path of [home, dir]) mkdirSync(path, { recursive: true })
    symlinkSync(join(root, 'cli'), join(clone, 'cli'))
    copyFileSync(state.kubernetes.kubeconfig, join(dir, 'kubeconfig'))
    writeExample(dir, state.registry)
    const kubectl = await ensurePrograms(['kubectl']).path('kubectl')
    const PATH = [dirname(process.execPath), dirname(kubectl), process.env['PATH']].join(':')
    const page = readFileSync(join(root, 'docs/walkthrough.md'), 'utf8')
      .replaceAll(pageAddresses.temporal, state.temporal.address)
      .replaceAll(pageAddresses.ui, state.temporal.ui ?? '')
    return new Reader(folder, blocksOf(page), new Terminal({ HOME: home, PATH, PWD: clone }))
  }

  /** Blocks that have not been typed yet. */
  get left(): readonly Block[] {
    return this.#left
  }

  /** Passes over the next block, which begins so: something else has done it. */
  skips(begin: string): void {
    this.#next(begin)
  }

  /**
   * Types the next block, which begins so, and waits for its end. Gives what the terminal shows; throws when that is
   * not what the page shows, or the exit code is not `code`.
   */
  async types(begin: string, code = 0): Promise<string> {
    const { typed, shown } = this.#next(begin)
    const ended = await this.#terminal.run(typed)
    expect(ended.code, ended.output).toBe(code)
    if (shown !== undefined) expect(`${ended.output.trimEnd()}\n`).toMatch(shownPattern(shown))
    return ended.output
  }

  /** Types the next block, which begins so and does not end by itself. */
  begins(begin: string): Running {
    return this.#terminal.start(this.#next(begin).typed)
  }

  /** Types something that is not on the page. */
  async tries(line: string): Promise<Ended> {
    return await this.#terminal.run(line)
  }

  /** Ends what still runs in the terminal, and removes the folder. */
  close(): void {
    this.#terminal.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #next(begin: string): Block {
    const [block] = this.#left
    if (block === undefined || !block.typed.startsWith(begin)) {
      throw new Error(`the next block of the walkthrough begins with ${block?.typed}, not with ${begin}`)
    }
    this.#left.shift()
    return block
  }
}
