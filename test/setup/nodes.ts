import type { TestProject } from 'vitest/node'
import { createKube } from '../../activities/kube/client.ts'
import { openTestFolder } from '../../lab/testFolder.ts'
import { firmwareHostPath } from '../support/firmware.ts'
import { InstalledOperator } from '../support/installedOperator.ts'
import type { Replica } from '../support/observed.ts'
import { openTierLab } from './lab.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The replicas of the operator that the tier's files share. */
    operatorReplicas: readonly Replica[]
  }
}

/** Most files want the defaults; this does not disturb them. */
const settings = {
  build: { resources: { limits: { memory: '1Gi' } } },
  worker: { firmwareHostPath },
  metrics: { bindAddress: '0.0.0.0:8443', secureServing: false, enableAuthnAuthz: false },
}

/**
 * Opens the lab and installs the operator that all files of the tier share, in two replicas: one watches, both work.
 * Provides `lab` and `operatorReplicas`.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const lab = await openTierLab(project)
  const { state, workerImage } = lab
  const folder = openTestFolder('operators')
  const kube = createKube(state.kubernetes.kubeconfig)
  const installation = { image: workerImage, replicas: 2, settings }
  const operator = new InstalledOperator(() => ({ state, kube, dir: folder.dir, installation }))
  const close = async () => {
    await operator.uninstall()
    await kube.close()
    await folder.close()
    await lab.close()
  }
  try {
    await operator.start()
    project.provide('operatorReplicas', await operator.replicas())
  } catch (error) {
    await close()
    throw error
  }
  return close
}
