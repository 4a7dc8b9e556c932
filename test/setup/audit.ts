import type { TestProject } from 'vitest/node'
import { type LabState, readState } from '../../lab/state.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The audit log of the lab that the other tiers used. */
    auditLog: string
    /** Addresses and paths of that lab. */
    labState: LabState
  }
}

/** Provides `auditLog` and `labState`, of the lab in the folder KMM_TEST_LAB. */
export function setup(project: TestProject): void {
  const folder = process.env['KMM_TEST_LAB'] ?? ''
  const state = readState(folder)
  const auditLog = state?.kubernetes.auditLog ?? null
  if (state === null || auditLog === null) {
    throw new Error(
      'this tier reads the audit log of the lab that the others have used: run it after them, in a lab that was ' +
        'started with --audit-user',
    )
  }
  project.provide('auditLog', auditLog)
  project.provide('labState', state)
}
