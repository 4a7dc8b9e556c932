import type { TestProject } from 'vitest/node'
import { freePorts } from '../../lab/ports.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { createProgress } from '../../lab/programs/progress.ts'
import { startTemporal } from '../../lab/temporal.ts'
import { openTestFolder } from '../../lab/testFolder.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** HOST:PORT of the tier's Temporal server; namespace `default`. */
    temporalAddress: string
  }
}

/**
 * Starts a Temporal dev server in memory with our search attributes on a free port and provides
 * `temporalAddress`. Independent of a lab that runs.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const progress = createProgress()
  const folder = openTestFolder('temporal')
  try {
    const [port = 0] = await freePorts(1)
    const { address } = await startTemporal({
      supervisor: folder.supervisor,
      programs: ensurePrograms(['temporal'], { progress }),
      port,
      namespace: 'default',
    })
    project.provide('temporalAddress', address)
  } catch (error) {
    await folder.close()
    throw error
  } finally {
    progress.close()
  }
  return folder.close
}
