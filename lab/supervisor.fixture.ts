import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createSupervisor } from './supervisor.ts'

const dir = process.argv[2] ?? ''
// Supervises a program that never ends by itself, in the folder given, and prints its process id.
const supervisor = createSupervisor({ dir, onDeath: () => undefined })
const child = await supervisor.start({
  name: 'sleeper',
  command: ['sh', '-c', 'touch "$1"; exec sleep 3600', 'sh', join(dir, 'ready')],
  ready: {
    probe: async () => {
      if (!existsSync(join(dir, 'ready'))) throw new Error('not started yet')
    },
    timeoutMs: 60_000,
  },
  fix: 'none',
})
process.stdout.write(`${child.pid}\n`)
setInterval(() => undefined, 60_000)
