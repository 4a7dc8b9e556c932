import { parentPort } from 'node:worker_threads'
import { type Cost, startCounting } from './steps.ts'

/** What it costs to read texts of half a MiB and of one, made of one unit. */
export interface Measured {
  readonly name: string
  readonly unit: string
  readonly half: Cost
  readonly whole: Cost
}

const mib = 1024 * 1024
const textOf = (unit: string, length: number) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length)

const count = await startCounting()
const { parsers } = await import('./parsers.ts')
for (const { name, units, read } of parsers) {
  for (const unit of units) {
    const [half, whole] = [textOf(unit, mib / 2), textOf(unit, mib)]
    const measured: Measured = {
      name,
      unit,
      half: await count(() => settled(() => read(half))),
      whole: await count(() => settled(() => read(whole))),
    }
    parentPort?.postMessage(measured)
  }
}
parentPort?.postMessage(undefined)

/** A text that is refused has been read, too. */
async function settled(work: () => unknown): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof RangeError) throw error
  }
}
