import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cleanUp } from './cleanUp.ts'
import { labProcess } from './lock.ts'

/** Removes everything in a lab's folder but settings and logs. Throws while a lab runs in it. */
export async function removeState(dir: string): Promise<void> {
  const running = labProcess(dir)
  if (running !== null) {
    throw new Error(`a lab runs in ${dir} (pid ${running.pid}): end it with npm run lab -- down`)
  }
  if (!existsSync(dir)) return
  await cleanUp(dir)
  for (const name of readdirSync(dir)) {
    if (name !== 'config.json' && name !== 'logs') rmSync(join(dir, name), { recursive: true, force: true })
  }
}
