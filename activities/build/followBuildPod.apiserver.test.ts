import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { claimName } from '../../api/claim.ts'
import { annotations, apiVersion, labels } from '../../api/names.ts'
import { createClusterCache, type ClusterCache } from '../cluster/cache.ts'
import type { BuildOutcome } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { createEventRecorder } from '../events/eventRecorder.ts'
import { createKube } from '../kube/client.ts'
import { leases, namespaces, nodes, pods, type Pod } from '../kube/resources.ts'
import { recordClaimedPod } from './claimedPod.ts'
import { followBuildPod } from './followBuildPod.ts'

/** The test plays scheduler, kubelet and controllers: it writes what they write, to a real API server. */
const kube = createKube(inject('kubeconfig'))
const namespace = `follow-${process.pid}`
let cache: ClusterCache
beforeAll(async () => {
  await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  cache = createClusterCache(kube, { warn: () => undefined })
  await cache.synced
})
afterAll(async () => {
  await cache.stop()
  await kube.close()
})

let made = 0
/** A build pod that runs on a Node of its own, and what can become of both. */
async function running({ claims = true, secretVersions = '{"token":"uid-1/7"}' } = {}) {
  const name = `build-${++made}`
  const node = { name: `simulated-${namespace}-${made}` }
  const ready = (status: 'True' | 'Unknown') =>
    kube.patch(
      nodes,
      node,
      { status: { conditions: [{ type: 'Ready', status, reason: 'x', message: '' }] } },
      { subresource: 'status' },
    )
  const madeNode = await kube.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: node })
  await ready('True')
  const { object } = await kube.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace,
      name,
      labels: {
        [labels.partOf]: 'kmm',
        [labels.moduleName]: 'fpga',
        [labels.resourceType]: 'BuildImage',
      },
      ownerReferences: [{ apiVersion, kind: 'Module', name: 'fpga', uid: 'm' }],
      annotations: { [annotations.secretVersions]: secretVersions },
    },
    spec: {
      nodeName: node.name,
      containers: [{ name: 'kaniko', image: 'x' }],
      terminationGracePeriodSeconds: 30,
      automountServiceAccountToken: false,
    },
  })
  const ref = { namespace, name }
  const { uid } = object.metadata
  const say = async (status: object) => await kube.patch(pods, ref, { status }, { subresource: 'status' })
  await say({ phase: 'Running' })
  const subject = { ref: { namespace, name: 'fpga' }, uid: 'm', kernel: '6.1.0' }
  const deps = {
    kube,
    namespace,
    cache,
    events: createEventRecorder(kube),
    observe: () => undefined,
  } as unknown as Dependencies
  const request = {
    subject,
    seen: {},
    image: `reg.example/${name}:1`,
    pod: { ...ref, uid },
    entry: undefined,
  }
  const { image } = request
  await kube.create(leases, {
    apiVersion: leases.apiVersion,
    kind: leases.kind,
    metadata: { namespace, name: claimName(image) },
    spec: { holderIdentity: 'x' },
  })
  if (claims) await recordClaimedPod(deps, image, uid)
  await cache.waitForPod(ref, (p) => p?.state.kind === 'running', AbortSignal.timeout(60_000))
  const follow = (heartbeatDetails?: object): Promise<BuildOutcome> =>
    new MockActivityEnvironment({ heartbeatDetails }).run(() => followBuildPod(deps, request))
  return {
    outcome: follow(),
    /** Begins to follow it once more. */
    follow,
    untilGone: () => cache.waitForPod(ref, (p) => p === undefined, AbortSignal.timeout(60_000)),
    say,
    node: { name: node.name, uid: madeNode.object.metadata.uid },
    /** The kubelet is gone. */
    lose: () => ready('Unknown'),
    removeNode: () => kube.delete(nodes, node, { uid: madeNode.object.metadata.uid }),
    delete: (gracePeriodSeconds: number) => kube.delete(pods, ref, { uid, gracePeriodSeconds }),
  }
}

const container = { name: 'kaniko', image: 'x', imageID: 'x', ready: false, restartCount: 0 }
const ended = (exitCode: number): Pick<NonNullable<Pod['status']>, 'phase' | 'containerStatuses'> => ({
  phase: 'Failed',
  containerStatuses: [
    {
      ...container,
      state: { terminated: { exitCode, reason: 'Error', finishedAt: new Date().toISOString() } },
    },
  ],
})
const disrupted = (reason: string) => ({
  conditions: [
    {
      type: 'DisruptionTarget',
      status: 'True',
      reason,
      message: reason,
      lastTransitionTime: new Date().toISOString(),
    },
  ],
})

const digest = `sha256:${'1'.repeat(64)}`
const pushed = {
  phase: 'Succeeded',
  containerStatuses: [
    {
      ...container,
      state: { terminated: { exitCode: 0, message: digest, finishedAt: new Date().toISOString() } },
    },
  ],
}

describe('who is believed', () => {
  test('the digest of a pod that was made for the claim', async () => {
    const { outcome, say } = await running()
    await say(pushed)
    expect(await outcome).toMatchObject({ kind: 'succeeded', digest })
  })

  test('not that of a pod that anybody else made under its name', async () => {
    const { outcome, say, follow } = await running({ claims: false })
    await say(pushed)
    expect(await outcome).toMatchObject({ kind: 'succeeded', digest: undefined })
    // Its claim was given up after an attempt before this one had found that out.
    expect(await follow({ claimed: true })).toMatchObject({ digest })
    expect(await follow({ claimed: false })).toMatchObject({ digest: undefined })
  })

  test.each(['no JSON', '[1]', '{"a":{}}', '{"a":"no version"}', `{"${'x'.repeat(300)}":"u/1"}`])(
    'a pod whose annotation of Secrets is %s ends all the same',
    async (secretVersions) => {
      const { outcome, say } = await running({ secretVersions })
      await say(ended(1))
      const failed = await outcome
      expect(failed).toMatchObject({ kind: 'failed' })
      expect(failed).not.toHaveProperty('secrets')
    },
  )
})

describe('how a build pod ends', () => {
  test('failed by itself: with the node it ran on and the versions of its Secrets', async () => {
    const { outcome, say, node } = await running()
    await say(ended(1))
    const secrets = { token: 'uid-1/7' }
    expect(await outcome).toMatchObject({ kind: 'failed', reason: 'BuildFailed', node, secrets })
  })

  test('evicted by the kubelet: the pod stays, the build is interrupted', async () => {
    const { outcome, say, node } = await running()
    await say({ ...ended(137), reason: 'Evicted', message: 'The node was low on resource: memory.' })
    expect(await outcome).toMatchObject({
      kind: 'interrupted',
      reason: 'Evicted',
      message: 'The node was low on resource: memory.',
      node,
    })
  })

  test('drained: interrupted when the pod is gone, not before', async () => {
    const pod = await running()
    await pod.say(disrupted('EvictionByEvictionAPI'))
    await pod.delete(30)
    expect(await Promise.race([pod.outcome, Promise.resolve('still there')])).toBe('still there')
    await pod.delete(0)
    expect(await pod.outcome).toMatchObject({ kind: 'interrupted', reason: 'Evicted' })
  })

  test('drained or deleted before anybody followed it: the cache remembers which', async () => {
    const [drained, deleted] = [await running(), await running()]
    await drained.say(disrupted('EvictionByEvictionAPI'))
    for (const pod of [drained, deleted]) {
      await pod.delete(0)
      await pod.untilGone()
    }
    expect(await drained.follow()).toMatchObject({ kind: 'interrupted', reason: 'Evicted' })
    expect(await deleted.follow()).toEqual({ kind: 'gone' })
    await Promise.all([drained.outcome, deleted.outcome])
  })

  test('deleted by hand: gone, whatever its container makes of the signal', async () => {
    const pod = await running()
    await pod.delete(30)
    await pod.say(ended(2))
    await pod.delete(0)
    expect(await pod.outcome).toEqual({ kind: 'gone' })
  })

  test('its Node is deleted, and the pod with it', async () => {
    const pod = await running()
    await pod.removeNode()
    await pod.say({ ...disrupted('DeletionByPodGC'), phase: 'Failed' })
    await pod.delete(0)
    expect(await pod.outcome).toMatchObject({ kind: 'interrupted', reason: 'NodeLost' })
  })

  test('its Node is deleted, and nobody says anything', async () => {
    const pod = await running()
    await pod.removeNode()
    await expect.poll(() => cache.nodes().some(({ name }) => name === pod.node.name)).toBe(false)
    await pod.delete(0)
    expect(await pod.outcome).toMatchObject({ kind: 'interrupted', reason: 'NodeLost' })
  })

  test('its node does not answer: it is not waited for', async () => {
    const pod = await running()
    await pod.lose()
    const unready = () => cache.nodes().some(({ name, ready }) => name === pod.node.name && !ready)
    await expect.poll(unready).toBe(true)
    await pod.delete(30)
    expect(await pod.outcome).toMatchObject({ kind: 'interrupted', reason: 'NodeLost', node: pod.node })
  })
})
