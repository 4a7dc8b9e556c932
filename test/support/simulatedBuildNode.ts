import type { Pod } from '../../activities/kube/resources.ts'
import { nodes, pods } from '../../activities/kube/resources.ts'
import type { Scenario } from './scenario.ts'
import { eventually } from './eventually.ts'

/**
 * A Node of which the test itself plays the kubelet: the real scheduler puts pods there, and the real controllers see
 * what becomes of it. Build pods with `selector` run there.
 */
export interface SimulatedBuildNode {
  readonly selector: Readonly<Record<string, string>>
  /**
   * Waits until the only build pod of a Module is bound to it, and says how it stands. `rebooted`: failed as a kubelet
   * reports it that finds after a boot that the container is no more.
   */
  play(module: string, state: 'running' | 'failed' | 'rebooted'): Promise<Pod>
  /** Deletes the Node. */
  remove(): Promise<void>
}

export async function simulateBuildNode(story: Scenario): Promise<SimulatedBuildNode> {
  const { lab, namespace } = story
  const name = `simulated-builds-${namespace}`
  const selector = { 'kmm-temporal.test/builds': namespace }
  const labels = { ...selector, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' }
  await lab.kube.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } })
  const room = { cpu: '4', memory: '8Gi', pods: '10' }
  const ready = { type: 'Ready', status: 'True', reason: 'Simulated', message: '' }
  const status = { capacity: room, allocatable: room, conditions: [ready] }
  await lab.kube.patch(nodes, { name }, { status }, { subresource: 'status' })
  return {
    selector,
    async play(module, state) {
      const seen = await eventually(
        `the build pod of ${module} is on ${name}`,
        () => story.pods.builds(module)[0],
        (pod) => pod?.pod.spec?.nodeName === name,
      )
      if (seen === undefined) throw new Error('no pod')
      const why = state === 'failed' ? { exitCode: 1, reason: 'Error' } : { exitCode: 255, reason: 'Unknown' }
      const end = { ...why, finishedAt: new Date().toISOString() }
      const container = { name: 'kaniko', image: 'x', imageID: 'x', ready: false, restartCount: 0 }
      const containerStatuses = [
        { ...container, state: state === 'running' ? { running: {} } : { terminated: end } },
      ]
      const phase = state === 'running' ? 'Running' : 'Failed'
      const body = { status: { phase, containerStatuses } }
      await lab.kube.patch(pods, { namespace, name: seen.name }, body, { subresource: 'status' })
      return seen.pod
    },
    remove: async () => await story.remove(nodes, name),
  }
}
