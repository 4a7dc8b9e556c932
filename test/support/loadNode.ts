import { beforeAll } from 'vitest'
import { nodes } from '../../activities/kube/resources.ts'
import { loadNodeName } from '../../lab/realNodes.ts'
import type { TestLab } from './testLab.ts'

/** The kernel that the real load node runs before a file's first test. `release` is filled in before that. */
export function useLoadKernel(lab: TestLab): { readonly release: string } {
  const kernel = { release: '' }
  beforeAll(async () => {
    const node = await lab.kube.get(nodes, { name: loadNodeName })
    kernel.release = node?.status?.nodeInfo?.kernelVersion ?? ''
  })
  return kernel
}
