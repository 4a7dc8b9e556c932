import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createKube } from '../activities/kube/client.ts'
import { configMaps, namespaces, nodes, pods, type StoredObject } from '../activities/kube/resources.ts'
import { clusterNameOf, kernelRunId } from '../api/names.ts'
import { freePorts } from '../lab/ports.ts'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { startTemporal } from '../lab/temporal.ts'
import { openTestFolder } from '../lab/testFolder.ts'
import { searchAttributes } from '../workflows/searchAttributes.ts'
import { eventually } from './support/eventually.ts'
import { plugin } from './support/plugin.ts'
import { PluginCluster } from './support/pluginCluster.ts'
import { startSimulatedKubelet, type SimulatedKubelet } from './support/simulatedKubelet.ts'

/**
 * The plugin's own port-forward, as a process: a real API server, a real Temporal server that stands for one in a pod,
 * and between them a simulated kubelet that forwards.
 */
const kubeconfig = inject('kubeconfig')
const kube = createKube(kubeconfig)
const cluster = new PluginCluster(kube, `forward-${process.pid}`)
const { namespace } = cluster
const env = {
  KUBECONFIG: kubeconfig,
  TEMPORAL_ADDRESS: '',
  TEMPORAL_API_KEY: '',
  KUBERNETES_SERVICE_HOST: '',
}
const line = ['history', 'fpga', '-n', namespace, '--operator-namespace', namespace]
let kubelet: SimulatedKubelet
let close = async (): Promise<void> => undefined

beforeAll(async () => {
  const folder = openTestFolder('forward')
  const [port = 0] = await freePorts(1)
  const { supervisor } = folder
  const programs = ensurePrograms(['temporal'])
  const { address } = await startTemporal({ supervisor, programs, port, namespace: 'default' })
  kubelet = await startSimulatedKubelet(port)
  close = async () => {
    kubelet.close()
    await folder.close()
  }
  const clusterId = clusterNameOf((await kube.get(namespaces, { name: 'kube-system' }))?.metadata.uid ?? '')
  const connection = await Connection.connect({ address })
  await new Client({ connection }).workflow.start('moduleKernel', {
    workflowId: kernelRunId(clusterId, { namespace, name: 'fpga' }, '6.1.0'),
    taskQueue: 'nobody-works-here',
    typedSearchAttributes: [
      { key: searchAttributes.cluster, value: clusterId },
      { key: searchAttributes.namespace, value: namespace },
      { key: searchAttributes.module, value: 'fpga' },
    ],
  })
  await connection.close()
  await cluster.open()
  await service('temporal-frontend', { app: 'temporal' })
  await configure(`temporal-frontend.${namespace}:7233`)
}, 240_000)
afterAll(async () => {
  await close()
  await kube.close()
})

async function post(plural: string, group: string, body: object): Promise<void> {
  const path = `${group}/namespaces/${namespace}/${plural}`
  await kube.transport.json({ verb: 'create', resource: plural, path, body })
}

async function service(name: string, selector: object): Promise<void> {
  const ports = [{ port: 7233, targetPort: 'rpc' }]
  await post('services', '/api/v1', { metadata: { name }, spec: { selector, ports } })
}

async function configure(address: string): Promise<void> {
  const metadata = { namespace, name: 'kmm-operator-manager-config' }
  const data = { 'controller_config.yaml': `temporal: { address: "${address}", tls: { enabled: false } }` }
  await kube.applyObject(
    { apiVersion: configMaps.apiVersion, kind: 'ConfigMap', metadata, data },
    { fieldManager: 'test', force: true },
  )
}

/** A pod with Temporal's port, on a node whose kubelet is simulated. */
async function temporalPod(): Promise<StoredObject> {
  const node = await cluster.node()
  const addresses = [{ type: 'InternalIP', address: '127.0.0.1' }]
  const status = { addresses, daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } } }
  await kube.patch(nodes, { name: node }, { status }, { subresource: 'status' })
  const name = 'temporal-0'
  const container = { name: 'temporal', image: 'x', ports: [{ name: 'rpc', containerPort: 17233 }] }
  const { object } = await kube.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels: { app: 'temporal' } },
    spec: { nodeName: node, containers: [container], automountServiceAccountToken: false },
  })
  return object
}

async function ready(): Promise<void> {
  const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
  await kube.patch(pods, { namespace, name: 'temporal-0' }, { status }, { subresource: 'status' })
}

/** Lets a user do this in the namespace, beside reading the configuration and the Service. */
async function user(name: string, portforward: readonly string[]): Promise<void> {
  const rbac = 'rbac.authorization.k8s.io'
  const rules = [
    { apiGroups: [''], resources: ['configmaps', 'services', 'pods'], verbs: ['get', 'list'] },
    { apiGroups: ['kmm.sigs.x-k8s.io'], resources: ['modules'], verbs: ['get'] },
    ...(portforward.length > 0
      ? [{ apiGroups: [''], resources: ['pods/portforward'], verbs: portforward }]
      : []),
  ]
  await post('roles', `/apis/${rbac}/v1`, { metadata: { name }, rules })
  const roleRef = { apiGroup: rbac, kind: 'Role', name }
  const subjects = [{ apiGroup: rbac, kind: 'User', name }]
  await post('rolebindings', `/apis/${rbac}/v1`, { metadata: { name }, roleRef, subjects })
}

test('it forwards to a pod behind the Service that the operator knows Temporal by, and leaves nothing open', async () => {
  await temporalPod()
  expect(await plugin(line, env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      `Temporal's Service ${namespace}/temporal-frontend has no pod that is Ready.`,
    ),
  })
  await ready()
  // A run is in Temporal's list a moment after its start.
  const { code, stdout, stderr } = await eventually(
    'the run is listed',
    () => plugin(line, env),
    (result) => result.code !== 3,
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/Kernel 6\.1\.0 {2}RUNNING/)
  expect(kubelet.asked[0]).toContain(`/portForward/${namespace}/temporal-0?port=17233`)
  await eventually('every connection is closed', kubelet.open, (open) => open === 0)
})

test('it needs the right to forward, and names it', async () => {
  await user('reader', [])
  expect(await plugin([...line, '--as', 'reader'], env)).toMatchObject({
    code: 6,
    stderr: expect.stringContaining(`You may not get pods/portforward in namespace ${namespace}.`),
  })
  await user('forwarder', ['get', 'create'])
  expect(await plugin([...line, '--as', 'forwarder'], env)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('RUNNING'),
  })
})

test('a node that does not answer, and an address that is no Service', async () => {
  kubelet.close()
  expect(await plugin(line, env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`cannot forward to pod ${namespace}/temporal-0: `),
  })
  await configure('temporal.invalid:7233')
  expect(await plugin(line, env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Temporal at temporal.invalid:7233'),
  })
})
