import type { TestProject } from 'vitest/node'
import { freePorts } from '../../lab/ports.ts'
import { openTestFolder } from '../../lab/testFolder.ts'
import { firmwareHostPath } from '../support/firmware.ts'
import { Operator } from '../support/operator.ts'
import { openTierLab } from './lab.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Log files of the tier's operators. */
    operatorLogs: readonly string[]
    /** Where each of them serves its metrics. */
    operatorMetrics: readonly string[]
  }
}

/** Most files want the defaults; this does not disturb them. */
const settings = {
  build: { resources: { limits: { memory: '1Gi' } } },
  worker: { firmwareHostPath },
}

/**
 * Opens the lab and starts the operator that all files of the tier share, in two replicas: one watches, both work.
 * Provides `lab`, `operatorLogs` and `operatorMetrics`.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const lab = await openTierLab(project)
  const folder = openTestFolder('operators')
  const ports = await freePorts(2)
  const replicas = ['first', 'second'].map((name, at) => {
    const metrics = { bindAddress: `127.0.0.1:${ports[at]}`, secureServing: false, enableAuthnAuthz: false }
    return new Operator({ ...lab, folder }, { ...settings, metrics }, name)
  })
  const close = async () => {
    await Promise.all(replicas.map((replica) => replica.stop()))
    await folder.close()
    await lab.close()
  }
  try {
    await Promise.all(replicas.map((replica) => replica.start()))
    project.provide(
      'operatorLogs',
      replicas.flatMap((replica) => replica.logFiles),
    )
    project.provide(
      'operatorMetrics',
      ports.map((port) => `http://127.0.0.1:${port}/metrics`),
    )
  } catch (error) {
    await close()
    throw error
  }
  return close
}
