import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writePrivately } from './kubeconfig.ts'
import { isRunning } from './procfs.ts'

const identity = z.object({ pid: z.number(), startTicks: z.number(), bootId: z.string() })

const stateSchema = z.object({
  /** The process that runs the lab. */
  supervisor: identity,
  /** The machine's address for nodes, pods and virtual machines. */
  address: z.string(),
  kubernetes: z.object({ server: z.string(), kubeconfig: z.string(), auditLog: z.string().nullable() }),
  /** HOST:PORT, as in image references; plain HTTP. */
  registry: z.string(),
  temporal: z.object({
    address: z.string(),
    /** The same for pods; null in a simulated lab, which runs none. */
    podAddress: z.string().nullable(),
    namespace: z.string(),
    ui: z.string().nullable(),
  }),
  /** The real node of each kind, null where there is none. `dir`: for `openVm`. */
  nodes: z.object({
    build: z.string().nullable(),
    load: z.object({ name: z.string(), dir: z.string() }).nullable(),
  }),
  /** References of the images the lab has put into its registry; null in a simulated lab, which runs none. */
  images: z
    .object({ kaniko: z.string(), pause: z.string(), buildBase: z.string(), nodeBase: z.string() })
    .nullable(),
  /** Kernel releases of load nodes, newest first: the build node has their module trees. */
  kernels: z.array(z.string()),
  /** Folder with one log per program. */
  logs: z.string(),
})

/** Addresses and paths of a running lab, for other programs. */
export type LabState = z.infer<typeof stateSchema>

/** The file it is in. */
export const stateFile = (dir: string): string => join(dir, 'state.json')

/** Writes the state, whole or not at all. */
export function writeState(dir: string, state: LabState): void {
  writePrivately(stateFile(dir), `${JSON.stringify(state, undefined, 2)}\n`)
}

/**
 * The state of the lab in `dir` when it runs and is ready, else null. Throws when another version of this program
 * wrote it.
 */
export function readState(dir: string): LabState | null {
  const file = stateFile(dir)
  if (!existsSync(file)) return null
  const parsed = stateSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')))
  if (!parsed.success) {
    throw new Error(`${file} is of another version of the lab: end that with npm run lab -- down`)
  }
  return isRunning(parsed.data.supervisor) ? parsed.data : null
}
