import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { KubernetesObject } from '@kubernetes/client-node'
import { request } from 'undici'
import { stringify } from 'yaml'
import { deployments, pods } from '../../../activities/kube/resources.ts'
import { applyObjects } from '../../../lab/applyManifests.ts'
import { operatorNamespace } from '../../../lab/operatorAccount.ts'
import { operatorName } from '../../../api/permissions.ts'
import { buildNodeLabels, buildNodeName } from '../../../lab/realNodes.ts'
import { eventually } from '../../support/eventually.ts'
import { isReady } from '../../support/installedOperator.ts'
import { stories, useInstallation } from '../../support/stories.ts'
import { pushTemporalImages } from '../../support/temporalImages.ts'
import { useLab } from '../../support/testLab.ts'
import { fetching } from '../../support/tinyModule.ts'

/** The chart's own small Temporal: one StatefulSet with a volume and mutual TLS. */
const lab = useLab()
const operator = useInstallation(lab)
const test = stories(lab, operator)

const className = 'kmm-test-local'
const temporalPod = { namespace: operatorNamespace, name: 'kmm-operator-temporal-0' } as const

/** A volume on the build node, as an admin makes one where nothing provisions volumes. */
async function makeVolume(): Promise<void> {
  const path = join(lab.folder.dir, 'temporal-volume')
  mkdirSync(path)
  chownSync(path, 1000, 1000)
  const isBuildNode = { key: 'kubernetes.io/hostname', operator: 'In', values: [buildNodeName] }
  await applyObjects(lab.state.kubernetes.kubeconfig, [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `kmm-test-temporal-${process.pid}` },
      spec: {
        storageClassName: className,
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Retain',
        local: { path },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [isBuildNode] }] } },
      },
    } as KubernetesObject,
  ])
}

test('a hold survives a restart of the small Temporal with its volume, and a retry builds again', async ({
  open,
  gate,
}) => {
  await makeVolume()
  const images = await pushTemporalImages(lab.state.registry)
  const embedded = { enabled: true, ...images, storage: { size: '1Gi', className } }
  await operator.upgrade({ values: { temporal: { namespace: 'kmm', embedded } } })
  const story = await open('embedded')
  await story.addNode()
  await story.applyTiny('tiny', [fetching(gate.pass)])
  const held = await story.untilKernel('tiny', 'is held', ({ phase }) => phase === 'BuildFailed')

  const before = await lab.kube.get(pods, temporalPod)
  await lab.kube.delete(pods, temporalPod, { uid: before?.metadata.uid ?? '' })
  await eventually(
    'another pod of Temporal is ready',
    () => lab.kube.get(pods, temporalPod),
    (pod) => pod !== undefined && pod.metadata.uid !== before?.metadata.uid && isReady(pod),
  )
  gate.open()
  await story.retry('tiny', 'all')
  await story.untilLoaded('tiny')
  // The run is the one that was held: the server found it in its database.
  expect(await story.kernelStatus('tiny')).toMatchObject({ attempt: 2, runId: held.runId })
  expect(story.pods.builds()).toHaveLength(2)
})

test('npm start installs the chart in a cluster that is there, and forwards the Web UI until it is interrupted', async () => {
  const dir = join(lab.folder.dir, 'existing-cluster')
  mkdirSync(dir)
  const valuesFile = join(dir, 'values.yaml')
  const images = await pushTemporalImages(lab.state.registry)
  const embedded = { ...images, storage: { size: '1Gi', className } }
  const controller = { nodeSelector: buildNodeLabels }
  writeFileSync(valuesFile, stringify({ controller, temporal: { namespace: 'kmm', embedded } }))
  const { kubeconfig } = lab.state.kubernetes
  const start = join(import.meta.dirname, '../../../lab/start.ts')
  const options = [
    '--dir',
    dir,
    '--kubeconfig',
    kubeconfig,
    '--image',
    lab.workerImage,
    '--values',
    valuesFile,
  ]
  const child = spawn(process.execPath, [start, ...options])
  const exited = once(child, 'exit')
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (output += String(text)))

  const ui = await eventually(
    'the address of the Web UI is shown',
    () => /Temporal UI +(http:\S+)/.exec(output)?.[1] ?? output,
    (shown) => shown.startsWith('http:'),
  )
  const answer = await request(ui)
  expect(await answer.body.text()).toContain('<html')
  child.kill('SIGINT')
  expect(await exited).toEqual([0, null])
  const installed = await lab.kube.get(deployments, { namespace: operatorNamespace, name: operatorName })
  expect(installed?.status).toMatchObject({ readyReplicas: 2 })
})
