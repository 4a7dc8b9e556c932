import { defineConfig } from 'vitest/config'

/**
 * One vitest project per tier: `unit` needs nothing, `temporal` a Temporal dev server, `apiserver` a control
 * plane without nodes, `nodes` the whole lab. `test/run.ts` brings up what each tier needs and runs them.
 */
const tier = (name: string, extra: object = {}) => ({
  test: {
    name,
    include: [`**/*.${name}.test.ts`],
    exclude: ['node_modules/**', '.lab/**'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    ...extra,
  },
})

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: ['node_modules/**', '.lab/**', '**/*.{temporal,apiserver,nodes,programs}.test.ts'],
        },
      },
      tier('temporal', { globalSetup: 'test/setup/temporal.ts' }),
      tier('apiserver', { fileParallelism: false, globalSetup: 'test/setup/apiserver.ts' }),
      tier('nodes', {
        fileParallelism: false,
        testTimeout: 900_000,
        hookTimeout: 900_000,
        globalSetup: 'test/setup/nodes.ts',
      }),
    ],
  },
})
