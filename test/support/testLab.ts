import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, inject } from 'vitest'
import { createKube } from '../../activities/kube/client.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import { namespaces } from '../../activities/kube/resources.ts'
import { clusterNameOf } from '../../api/names.ts'
import { openTestFolder, type TestFolder } from '../../lab/testFolder.ts'
import type { LabState } from '../../lab/state.ts'
import { openVm, type Vm } from '../../lab/vm/vm.ts'

/** Clients of the lab that the tier's global setup brought up. */
export interface TestLab {
  readonly state: LabState
  /** The image of the operator and the loader, in the lab's registry. */
  readonly workerImage: string
  readonly kube: Kube
  readonly temporal: Client
  /** As it stands in workflow ids. */
  readonly cluster: string
  /** The machine whose kernel modules are loaded into. */
  readonly vm: Vm
  /** Folder and supervisor of this test file's own programs. */
  readonly folder: TestFolder
}

/** Of a lab without the machine. */
export type Clients = Omit<TestLab, 'vm'>

/** Opens clients for a test file and closes them after its last test. The result is filled in before the first. */
export function useLab(): TestLab {
  const lab = {} as { -readonly [K in keyof TestLab]: TestLab[K] }
  useClients(lab, () => {
    const { state, workerImage } = inject('lab')
    const load = state.nodes.load
    if (load === null) throw new Error('the lab has no virtual machine: start it with --vm')
    lab.vm = openVm(load.dir)
    return { state, workerImage }
  })
  return lab
}

/** Fills `lab` in before a file's first test, and closes what it opened after the last. */
export function useClients(
  lab: { -readonly [K in keyof Clients]?: Clients[K] },
  find: () => Pick<Clients, 'state' | 'workerImage'>,
): void {
  let connection: Connection | undefined
  beforeAll(async () => {
    const { state, workerImage } = find()
    const { address, namespace } = state.temporal
    connection = await Connection.connect({ address })
    const kube = createKube(state.kubernetes.kubeconfig)
    const cluster = clusterNameOf((await kube.get(namespaces, { name: 'kube-system' }))?.metadata.uid ?? '')
    const temporal = new Client({ connection, namespace })
    Object.assign(lab, { state, workerImage, kube, temporal, cluster, folder: openTestFolder('files') })
  })
  afterAll(async () => {
    await connection?.close()
    await lab.kube?.close()
    await lab.folder?.close()
  })
}

/** Folder of what users install. */
export const deployFolder = join(import.meta.dirname, '../../deploy')
