import { statSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { simulatedLabCount } from './test/setup/simulatedLabCount.ts'

/**
 * One vitest project per tier: `unit` needs nothing, `temporal` a Temporal dev server, `apiserver` a control
 * plane without nodes, `nodes` the whole lab with an operator that its files share, `alone` the whole lab for one file
 * at a time, `simulated` a lab with simulated nodes for each file at work, `audit` what `nodes` and `alone` have left.
 * `test/run.ts` brings up what each tier needs and runs them.
 *
 * Time limits tell only what never ends from what is slow on a machine with much to do.
 */
const tier = (groupOrder: number, name: string, extra: object = {}) => ({
  test: {
    name,
    include: [`**/*.${name}.test.ts`],
    exclude: ['node_modules/**', '.lab/**'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    sequence: { groupOrder },
    ...extra,
  },
})

/** How files are put in order, and shared out when a tier runs in parts. */
class Sequencer extends BaseSequencer {
  /** The guest is the slowest machine of the lab: files that load modules there begin first. */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isForGuest = ({ moduleId }: TestSpecification) => moduleId.includes('/scenarios/guest/')
    const sorted = await super.sort(files)
    return [...sorted.filter(isForGuest), ...sorted.filter((file) => !isForGuest(file))]
  }

  /** Long files take long: they are dealt out from the longest on, to and fro. */
  override async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { index = 1, count = 1 } = this.ctx.config.shard ?? {}
    const length = ({ moduleId }: TestSpecification) => statSync(moduleId).size
    const longestFirst = files.toSorted((a, b) => length(b) - length(a))
    const turn = (at: number) => (Math.floor(at / count) % 2 === 0 ? at % count : count - 1 - (at % count))
    return longestFirst.filter((_, at) => turn(at) === index - 1)
  }
}

const withLab = { testTimeout: 900_000, hookTimeout: 900_000 }

export default defineConfig({
  test: {
    sequence: { sequencer: Sequencer },
    projects: [
      tier(1, 'unit', {
        include: ['**/*.test.ts'],
        exclude: [
          'node_modules/**',
          '.lab/**',
          '**/*.{temporal,apiserver,nodes,alone,simulated,audit,programs}.test.ts',
        ],
        maxWorkers: 2,
        // Nothing of one file is left for the next; loading the code anew for each is half the work.
        isolate: false,
      }),
      // Most of the time these wait: for a server, a timer, a pod.
      tier(2, 'temporal', { globalSetup: 'test/setup/temporal.ts', maxWorkers: 3 }),
      // Files apply and remove rules on one API server: side by side they would meet each other's.
      tier(3, 'apiserver', {
        globalSetup: 'test/setup/apiserver.ts',
        fileParallelism: false,
        isolate: false,
      }),
      tier(4, 'nodes', {
        ...withLab,
        globalSetup: 'test/setup/nodes.ts',
        maxWorkers: 6,
        maxConcurrency: 4,
        sequence: { groupOrder: 4, concurrent: true },
      }),
      tier(5, 'alone', {
        ...withLab,
        globalSetup: 'test/setup/alone.ts',
        fileParallelism: false,
        maxConcurrency: 5,
      }),
      tier(6, 'simulated', { globalSetup: 'test/setup/simulated.ts', maxWorkers: simulatedLabCount }),
      tier(7, 'audit', { globalSetup: 'test/setup/audit.ts' }),
    ],
  },
})
