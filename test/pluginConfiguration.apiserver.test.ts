import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { recordOperatorEvent } from '../activities/events/operatorEvent.ts'
import { createKube } from '../activities/kube/client.ts'
import { configMaps } from '../activities/kube/resources.ts'
import { smallSpec } from './moduleSpecs.ts'
import { createOperatorDeployment } from './support/operatorDeployment.ts'
import { plugin } from './support/plugin.ts'
import { PluginCluster } from './support/pluginCluster.ts'

/** What the plugin reports of the operator's configuration, which it reads as the Deployment has it. */
const kubeconfig = inject('kubeconfig')
const kube = createKube(kubeconfig)
const cluster = new PluginCluster(kube, `configuration-${process.pid}`)
const namespace = `configuration-operator-${process.pid}`
const deployment = 'kmm-operator-controller'
const line = async (...words: string[]) =>
  await plugin([...words, '-n', cluster.namespace, '--operator-namespace', namespace], {
    KUBECONFIG: kubeconfig,
  })

const configure = async (text: string) =>
  await kube.applyObject(
    {
      apiVersion: configMaps.apiVersion,
      kind: 'ConfigMap',
      metadata: { namespace, name: 'my-config' },
      data: { 'controller_config.yaml': text },
    },
    { fieldManager: 'test', force: true },
  )

beforeAll(async () => {
  await cluster.open()
  await cluster.module('a', { ...smallSpec({}), selector: cluster.selector })
  const operator = {
    name: 'operator',
    image: 'reg.example/kmm:1',
    env: [{ name: 'TEMPORAL_ADDRESS', value: 'temporal.invalid:7233' }],
    volumeMounts: [{ name: 'config', mountPath: '/etc/kmm/config' }],
  }
  const volumes = [{ name: 'config', configMap: { name: 'my-config' } }]
  await createOperatorDeployment(kube, { namespace, name: deployment }, { containers: [operator], volumes })
})
afterAll(async () => await kube.close())

const reason = 'InvalidConfiguration'
const record = async (event: { type: 'Normal' | 'Warning'; reason: string; message: string }) =>
  await recordOperatorEvent(kube, { namespace, deployment }, event)

test('why and support-bundle name what is wrong in the ConfigMap of the Deployment', async () => {
  await configure('maxParallel: 0\nnonsense: 1\n')
  const { stdout } = await line('why', 'a')
  expect(stdout).toContain(reason)
  expect(stdout).toContain('maxParallel: must be a whole number from 1 to 2000')
  expect(stdout).toContain(`kubectl -n ${namespace} edit configmap my-config`)

  const bundle = (await line('support-bundle', 'a', '--file', '-')).stdout
  expect(bundle).toContain('configMap: my-config')
  expect(bundle).toContain('nonsense has no effect')
  expect(bundle).toMatch(/faults:\s+- .*maxParallel: must be/)
})

test('why names what only the operator can see, by its Events, until it is corrected', async () => {
  await configure('')
  await record({ type: 'Warning', reason, message: 'temporal.apiKeyFile: /key cannot be read (ENOENT)' })
  expect((await line('why', 'a')).stdout).toContain('temporal.apiKeyFile: /key cannot be read (ENOENT)')
  expect((await line('support-bundle', 'a', '--file', '-')).stdout).toContain(`reason: ${reason}`)

  await record({ type: 'Normal', reason: 'ConfigurationReloaded', message: 'It is valid.' })
  expect((await line('why', 'a')).stdout).not.toContain(reason)
})

test('what the ConfigMap leaves out is taken from the environment of the Deployment', async () => {
  await configure('')
  expect(await line('history', 'a')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Temporal at temporal.invalid:7233'),
  })
})
