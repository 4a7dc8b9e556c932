import type { TestProject } from 'vitest/node'
import { readState } from '../../lab/state.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The audit log of the lab that the other tiers used. */
    auditLog: string
  }
}

/** Provides `auditLog`, of the lab in the folder KMM_TEST_LAB. */
export function setup(project: TestProject): void {
  const folder = process.env['KMM_TEST_LAB'] ?? ''
  const auditLog = readState(folder)?.kubernetes.auditLog ?? null
  if (auditLog === null) {
    throw new Error(
      'this tier reads the audit log of the lab that the others have used: run it after them, in a lab that was ' +
        'started with --audit-user',
    )
  }
  project.provide('auditLog', auditLog)
}
