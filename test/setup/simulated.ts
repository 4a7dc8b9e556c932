import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { createProgress } from '../../lab/programs/progress.ts'
import { simulatedLabPrograms } from '../support/simulatedLab.ts'

/** Fetches what the labs of the tier's files run: hooks of tests have no time to compile a program. */
export async function setup(): Promise<void> {
  const progress = createProgress()
  try {
    const names = [...simulatedLabPrograms, 'kubectl'] as const
    const programs = ensurePrograms(names, { progress })
    await Promise.all(names.map((name) => programs.path(name)))
  } finally {
    progress.close()
  }
}
