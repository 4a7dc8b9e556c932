import type { TestProject } from 'vitest/node'
import { openTierLab } from './lab.ts'

/** Opens the lab and provides `lab`. Each file of the tier starts the operator itself, as it needs it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { close } = await openTierLab(project)
  return close
}
