import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll } from 'vitest'
import { createKube } from '../../activities/kube/client.ts'
import { namespaces } from '../../activities/kube/resources.ts'
import { startControlPlane } from '../../lab/controlPlane.ts'
import { freePorts } from '../../lab/ports.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { startKwok } from '../../lab/simulated/nodes.ts'
import { startTemporal } from '../../lab/temporal.ts'
import { openTestFolder } from '../../lab/testFolder.ts'
import { startPrivateRegistry } from './privateRegistry.ts'
import type { TestLab } from './testLab.ts'

/** A lab whose nodes are all simulated: a real control plane, Temporal and registry, and nothing that runs a pod. */
export type SimulatedLab = Omit<TestLab, 'vm'>

export const simulatedLabPrograms = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kwok',
  'temporal',
  'docker-registry',
] as const

/** Starts one for a test file, in a few seconds. The result is filled in before the first test. */
export function useSimulatedLab(): TestLab {
  const lab = {} as { -readonly [K in keyof SimulatedLab]: SimulatedLab[K] }
  let connection: Connection | undefined
  beforeAll(async () => {
    const folder = openTestFolder('simulated')
    lab.folder = folder
    const { dir, supervisor } = folder
    const programs = ensurePrograms(simulatedLabPrograms)
    const [kwokPort = 0, temporalPort = 0] = await freePorts(2)
    const address = '127.0.0.1'
    const [{ server, kubeconfig, auditLog }, temporal, registry] = await Promise.all([
      startControlPlane({ dir, supervisor, programs, address, components: 'full' }),
      startTemporal({ supervisor, programs, port: temporalPort, namespace: 'kmm' }),
      startPrivateRegistry(folder, address, { name: 'registry' }),
    ])
    await startKwok({ supervisor, programs, kubeconfig, port: kwokPort })
    connection = await Connection.connect({ address: temporal.address })
    lab.state = {
      supervisor: { pid: process.pid, startTicks: 0, bootId: '' },
      address,
      kubernetes: { server, kubeconfig, auditLog },
      registry: registry.host,
      temporal: { address: temporal.address, namespace: temporal.namespace, ui: null },
      nodes: { build: null, load: null },
      images: null,
      kernels: [],
      logs: dir,
    }
    lab.workerImage = 'registry.example/kmm-temporal:simulated'
    lab.kube = createKube(kubeconfig)
    lab.temporal = new Client({ connection, namespace: temporal.namespace })
    lab.cluster = (await lab.kube.get(namespaces, { name: 'kube-system' }))?.metadata.uid.slice(0, 8) ?? ''
  })
  afterAll(async () => {
    await connection?.close()
    await lab.kube?.close()
    await lab.folder?.close()
  })
  return lab as unknown as TestLab
}
