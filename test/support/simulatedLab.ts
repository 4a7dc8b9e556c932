import { inject } from 'vitest'
import { useClients, type Clients, type TestLab } from './testLab.ts'

/**
 * Opens clients for a test file of the lab that is its own while it runs, whose nodes are all simulated. The result is
 * filled in before the first test.
 */
export function useSimulatedLab(): TestLab {
  const lab = {} as { -readonly [K in keyof Clients]: Clients[K] }
  useClients(lab, () => {
    const state = inject('simulatedLabs')[Number(process.env['VITEST_POOL_ID']) - 1]
    if (state === undefined) throw new Error('there are more test files at work than labs')
    return { state, workerImage: 'registry.example/kmm-temporal:simulated' }
  })
  return lab as unknown as TestLab
}
