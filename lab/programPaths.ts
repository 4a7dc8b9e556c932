import type { ProgramName } from './programs/table.ts'

/** Where the lab's programs are: what `ensurePrograms` returns, as far as it is needed to run them. */
export interface ProgramPaths {
  /** Absolute path of a program (of a folder for `cni-plugins`), as soon as it is there. */
  path(name: ProgramName): Promise<string>
}
