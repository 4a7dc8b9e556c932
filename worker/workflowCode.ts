import { fileURLToPath } from 'node:url'

/** What is bundled: the workflows of this project. */
export const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url))

/** Where a Worker finds the workflows: in the file that bundle.ts made, or in the sources, which it bundles itself. */
export const workflowCode = (bundle: string | undefined) =>
  bundle === undefined ? { workflowsPath } : { workflowBundle: { codePath: bundle } }
