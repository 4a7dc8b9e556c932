import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSupervisor, type Supervisor } from './supervisor.ts'

/** A temporary folder with a supervisor; `close` ends its programs and removes it. */
export interface TestFolder {
  readonly dir: string
  readonly supervisor: Supervisor
  readonly close: () => Promise<void>
}

/** Makes one for a tier. A program that dies by itself is told on stderr: the tests that need it fail anyway. */
export function openTestFolder(tier: string): TestFolder {
  const dir = mkdtempSync(join(tmpdir(), `kmm-test-${tier}-`))
  const supervisor = createSupervisor({ dir, onDeath: (error) => console.error(error.message) })
  return {
    dir,
    supervisor,
    close: async () => {
      await supervisor.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
