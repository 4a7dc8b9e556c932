import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { namespaces, pods } from '../../../activities/kube/resources.ts'
import { buildNodeName, loadNodeName } from '../../../lab/realNodes.ts'
import { eventually } from '../../support/eventually.ts'
import { stories } from '../../support/stories.ts'
import { useLab } from '../../support/testLab.ts'

const lab = useLab()
const test = stories(lab)

/** Runs a command of busybox in a pod of a node until it fails; resolves with its last words. */
async function lastWords(nodeName: string, command: readonly string[]): Promise<string> {
  const namespace = `t-services-${randomBytes(2).toString('hex')}`
  await lab.kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  try {
    const ref = { namespace, name: 'client' }
    const container = {
      name: 'client',
      image: lab.state.images?.pause,
      command: ['/bin/busybox', ...command],
      terminationMessagePolicy: 'FallbackToLogsOnError',
    }
    const spec = {
      nodeName,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [container],
    }
    await lab.kube.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: ref, spec })
    const pod = await eventually(
      `the pod on ${nodeName} has ended`,
      () => lab.kube.get(pods, ref),
      (found) => found?.status?.phase === 'Failed',
    )
    return pod?.status?.containerStatuses?.[0]?.state?.terminated?.message ?? ''
  } finally {
    const stored = await lab.kube.get(namespaces, { name: namespace })
    if (stored) await lab.kube.delete(namespaces, { name: namespace }, { uid: stored.metadata.uid })
  }
}

for (const node of [buildNodeName, loadNodeName]) {
  test(`a pod on ${node} reaches the API server by the name of its service`, async () => {
    // The server takes TLS only, and answers so.
    const words = await lastWords(node, ['wget', '-O', '-', 'http://kubernetes.default.svc:443/'])
    expect(words).toContain('400 Bad Request')
  })
}

test('a name that is not of the cluster is unknown at once', async () => {
  expect(await lastWords(buildNodeName, ['wget', '-O', '-', 'http://example.com/'])).toContain('bad address')
})
