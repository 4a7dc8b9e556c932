import { nodes } from '../../activities/kube/resources.ts'
import type { TestLab } from './testLab.ts'

const managed = 'kwok.x-k8s.io/node'

/** A simulated node stops answering: nobody plays it any more, and it is not Ready. */
export async function loseSimulatedNode(lab: TestLab, name: string): Promise<void> {
  const at = new Date().toISOString()
  await lab.kube.patch(nodes, { name }, { metadata: { annotations: { [managed]: null } } })
  const ready = { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: 'lost by a test' }
  const conditions = [{ ...ready, lastHeartbeatTime: at, lastTransitionTime: at }]
  await lab.kube.patch(nodes, { name }, { status: { conditions } }, { subresource: 'status' })
}

/** It comes back, in another boot. */
export async function returnSimulatedNode(lab: TestLab, name: string): Promise<void> {
  const status = { nodeInfo: { bootID: `another-boot-${name}` } }
  await lab.kube.patch(nodes, { name }, { status }, { subresource: 'status' })
  await lab.kube.patch(nodes, { name }, { metadata: { annotations: { [managed]: 'simulated' } } })
}
