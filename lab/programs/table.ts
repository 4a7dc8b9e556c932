import { goPrograms } from './goPrograms.ts'
import { systemPrograms } from './systemPrograms.ts'
import type { ProgramSpec } from './types.ts'

const table = [...goPrograms, ...systemPrograms] as const

/** The table: every program the lab needs, in the order in which they are compiled where they have to be. */
export const programs: readonly ProgramSpec[] = table

/** Name of a program in the table. */
export type ProgramName = (typeof table)[number]['name']

/** The programs' names, as `ensurePrograms` takes them. */
export const programNames: readonly ProgramName[] = table.map((spec) => spec.name)
