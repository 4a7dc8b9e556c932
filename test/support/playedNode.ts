import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { nodes, pods, type Pod } from '../../activities/kube/resources.ts'
import { annotations } from '../../api/names.ts'
import type { Scenario } from './scenario.ts'
import { scenarioLabel } from './tinyModule.ts'

/** What the played kubelet makes of a worker pod: its status, or nothing yet. */
export type Play = (pod: Pod) => object | undefined

const paceMs = 100
/** Well within the cluster's patience with silent nodes. */
const heartbeatMs = 5_000

/**
 * A simulated node whose kubelet is the test: `play` says what becomes of each pod, and may be asked again. Deleted
 * pods go at once. It ends with the test.
 */
export async function playNode(story: Scenario, kernel: string, play: Play): Promise<string> {
  const { kube } = story.lab
  const name = `simulated-played-${story.namespace}`
  const labels = { [scenarioLabel]: story.namespace }
  const { object } = await kube.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } })
  const beat = async () => {
    const now = new Date().toISOString()
    const ready = { type: 'Ready', status: 'True', lastHeartbeatTime: now, lastTransitionTime: now }
    const nodeInfo = { kernelVersion: kernel, bootID: 'first', architecture: 'amd64', osImage: 'played' }
    const unknown = { operatingSystem: 'linux', machineID: '', systemUUID: '', containerRuntimeVersion: '' }
    const info = { ...nodeInfo, ...unknown, kubeletVersion: '', kubeProxyVersion: '' }
    const status = { conditions: [ready], nodeInfo: info }
    await kube.patch(
      nodes,
      { name },
      { metadata: { uid: object.metadata.uid }, status },
      { subresource: 'status' },
    )
  }
  await beat()
  const over = new AbortController()
  const running = (async () => {
    for (let last = Date.now(); !over.signal.aborted; await sleep(paceMs)) {
      if (Date.now() - last > heartbeatMs) {
        last = Date.now()
        await beat()
      }
      for (const pod of (await kube.list(pods, { namespace: story.namespace })).items) {
        const { namespace = '', name: podName, uid, deletionTimestamp } = pod.metadata
        const ref = { namespace, name: podName }
        if (deletionTimestamp !== undefined) {
          await kube.delete(pods, ref, { uid, gracePeriodSeconds: 0 })
          continue
        }
        if (pod.status?.phase !== 'Pending') continue
        const status = play(pod)
        if (status !== undefined)
          await kube.patch(pods, ref, { metadata: { uid }, status }, { subresource: 'status' })
      }
    }
  })()
  running.catch((error: unknown) => console.error('the played kubelet broke', error))
  onTestFinished(async () => {
    // The operator unloads what is left before the node goes.
    await story.close()
    over.abort()
    await running.catch(() => undefined)
    await story.remove(nodes, name)
  })
  return name
}

/** The status of a worker pod whose loader has ended with this report. */
export function ended(pod: Pod, report: object = {}): object {
  const command = JSON.parse(pod.metadata.annotations?.[annotations.workerConfig] ?? '{}') as Record<
    string,
    unknown
  >
  const { action, bootId, kernel } = command
  const failed = 'reason' in report
  const exitCode = failed ? 1 : 0
  const result = { action, bootId, kernel, command: [], exitStatus: exitCode, output: '', ...report }
  const at = new Date().toISOString()
  const terminated = {
    exitCode,
    reason: failed ? 'Error' : 'Completed',
    message: JSON.stringify(result),
    startedAt: at,
    finishedAt: at,
  }
  return { phase: failed ? 'Failed' : 'Succeeded', containerStatuses: [container('worker', { terminated })] }
}

/** The status of a pod that waits for its image. */
export function stuck(reason: string, message: string): object {
  return {
    phase: 'Pending',
    initContainerStatuses: [container('image-extractor', { waiting: { reason, message } })],
  }
}

function container(name: string, state: object): object {
  return { name, image: 'played', imageID: '', ready: false, restartCount: 0, state }
}
