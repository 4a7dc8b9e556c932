import type { TestProject } from 'vitest/node'
import { startControlPlane } from '../../lab/controlPlane.ts'
import { freePorts } from '../../lab/ports.ts'
import type { ProgramPaths } from '../../lab/programPaths.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { createProgress } from '../../lab/programs/progress.ts'
import { startKwok } from '../../lab/simulated/nodes.ts'
import type { LabState } from '../../lab/state.ts'
import { startTemporal } from '../../lab/temporal.ts'
import { openTestFolder, type TestFolder } from '../../lab/testFolder.ts'
import { startPrivateRegistry } from '../support/privateRegistry.ts'
import { simulatedLabCount } from './simulatedLabCount.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** One for each file that runs at the same time. */
    simulatedLabs: readonly LabState[]
  }
}

const needed = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kwok',
  'temporal',
  'docker-registry',
  'kubectl',
] as const

/**
 * Starts the labs whose nodes are all simulated, each a real control plane, Temporal and registry and nothing that runs
 * a pod, and provides `simulatedLabs`. Files use one by turns, and leave it as they found it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const progress = createProgress()
  const folders = Array.from({ length: simulatedLabCount }, () => openTestFolder('simulated'))
  const close = async () => void (await Promise.all(folders.map((folder) => folder.close())))
  try {
    const programs = ensurePrograms(needed, { progress })
    await Promise.all(needed.map((name) => programs.path(name)))
    project.provide(
      'simulatedLabs',
      await Promise.all(folders.map((folder) => startSimulatedLab(folder, programs))),
    )
  } catch (error) {
    await close()
    throw error
  } finally {
    progress.close()
  }
  return close
}

async function startSimulatedLab(folder: TestFolder, programs: ProgramPaths): Promise<LabState> {
  const { dir, supervisor } = folder
  const [kwokPort = 0, temporalPort = 0] = await freePorts(2)
  const address = '127.0.0.1'
  const [{ server, kubeconfig, auditLog }, temporal, registry] = await Promise.all([
    startControlPlane({ dir, supervisor, programs, address, components: 'full' }),
    startTemporal({ supervisor, programs, port: temporalPort, namespace: 'kmm' }),
    startPrivateRegistry(folder, address, { name: 'registry' }),
  ])
  await startKwok({ supervisor, programs, kubeconfig, port: kwokPort })
  return {
    supervisor: { pid: process.pid, startTicks: 0, bootId: '' },
    address,
    kubernetes: { server, kubeconfig, auditLog },
    registry: registry.host,
    temporal: { address: temporal.address, podAddress: null, namespace: temporal.namespace, ui: null },
    nodes: { build: null, load: null },
    images: null,
    kernels: [],
    logs: dir,
  }
}
