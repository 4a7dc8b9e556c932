import { inject } from 'vitest'
import { useClients, type TestLab } from './testLab.ts'

/** A lab whose nodes are all simulated: a real control plane, Temporal and registry, and nothing that runs a pod. */
export type SimulatedLab = Omit<TestLab, 'vm'>

/** Opens clients for a test file of the lab that is its own while it runs. The result is filled in before the first test. */
export function useSimulatedLab(): TestLab {
  const lab = {} as { -readonly [K in keyof SimulatedLab]: SimulatedLab[K] }
  useClients(lab, () => {
    const state = inject('simulatedLabs')[Number(process.env['VITEST_POOL_ID']) - 1]
    if (state === undefined) throw new Error('there are more test files at work than labs')
    return { state, workerImage: 'registry.example/kmm-temporal:simulated' }
  })
  return lab as unknown as TestLab
}
