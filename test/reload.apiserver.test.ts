import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createKube } from '../activities/kube/client.ts'
import { events, leases } from '../activities/kube/resources.ts'
import type { Kube } from '../activities/kube/kube.ts'
import { applyManifests } from '../lab/applyManifests.ts'
import { startControlPlane } from '../lab/controlPlane.ts'
import { definitionFiles } from '../lab/operator.ts'
import { freePorts } from '../lab/ports.ts'
import { tcpProbe } from '../lab/probes.ts'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import type { ManagedProcess } from '../lab/supervisor.ts'
import { startTemporal } from '../lab/temporal.ts'
import { openTestFolder } from '../lab/testFolder.ts'
import { workflowBundle } from '../lab/workflowBundle.ts'
import { eventually } from './support/eventually.ts'
import { createOperatorDeployment } from './support/operatorDeployment.ts'

/**
 * One process of the operator, with a real API server and a real Temporal, while its configuration changes. Both are
 * its own: it would act on the Modules of other files.
 */
let kube: Kube
const namespace = `reload-${process.pid}`
const deployment = 'operator'
const folder = openTestFolder('reload')
const configFile = join(folder.dir, 'controller_config.yaml')
let operator: ManagedProcess
let healthProbeBindAddress = ''
let temporalAddress = ''
let metrics = {}

const configure = (settings: object) =>
  writeFileSync(configFile, stringify({ healthProbeBindAddress, ...settings }))
async function readyz(): Promise<[number, string]> {
  const answer = await fetch(`http://${healthProbeBindAddress}/readyz`)
  return [answer.status, await answer.text()]
}
const holder = async (name: string) =>
  (await kube.get(leases, { namespace, name }))?.spec?.holderIdentity ?? ''
const reasons = async () => (await kube.list(events, { namespace })).items.map(({ reason }) => reason)

beforeAll(async () => {
  const [temporalPort = 0, healthPort = 0, metricsPort = 0] = await freePorts(3)
  healthProbeBindAddress = `127.0.0.1:${healthPort}`
  const { supervisor } = folder
  const programs = ensurePrograms(['etcd', 'kube-apiserver', 'temporal'])
  const [temporal, { kubeconfig }] = await Promise.all([
    startTemporal({ supervisor, programs, port: temporalPort, namespace: 'default' }),
    startControlPlane({
      dir: folder.dir,
      supervisor,
      programs,
      address: '127.0.0.1',
      components: 'apiserver',
    }),
  ])
  kube = createKube(kubeconfig)
  await applyManifests(kubeconfig, definitionFiles())
  temporalAddress = temporal.address
  await createOperatorDeployment(kube, { namespace, name: deployment })
  configure({ maxParallel: 0 })
  operator = await supervisor.start({
    name: 'operator',
    command: [
      process.execPath,
      join(import.meta.dirname, '../worker/main.ts'),
      '--config',
      configFile,
      '--kubeconfig',
      kubeconfig,
    ],
    env: {
      OPERATOR_NAMESPACE: namespace,
      OPERATOR_DEPLOYMENT: deployment,
      RELATED_IMAGE_WORKER: 'reg.example/kmm:1',
      TEMPORAL_ADDRESS: temporalAddress,
      KMM_CLUSTER_NAME: namespace,
      KMM_WORKFLOW_BUNDLE: await workflowBundle(),
    },
    ready: { probe: tcpProbe('127.0.0.1', healthPort), timeoutMs: 90_000 },
    fix: 'the last lines say what it waits for',
  })
  metrics = { bindAddress: `127.0.0.1:${metricsPort}`, secureServing: false, enableAuthnAuthz: false }
})
afterAll(async () => {
  await kube.close()
  await folder.close()
})

test('one process goes through an invalid start, a correction, a change and a fault', async () => {
  expect(await readyz()).toEqual([503, 'configuration: maxParallel: must be a whole number from 1 to 2000\n'])
  await eventually('the Event of the fault', reasons, (seen) => seen.includes('InvalidConfiguration'))

  configure({ metrics, leaderElection: { resourceID: 'first' } })
  await eventually('it is ready', readyz, (seen) => expect(seen).toEqual([200, 'ok\n']))
  await eventually(
    'it leads',
    async () => await holder('first'),
    (seen) => seen !== '',
  )

  configure({ metrics, leaderElection: { resourceID: 'second' } })
  await eventually(
    'it leads under another name',
    async () => await holder('second'),
    (seen) => seen !== '',
  )
  expect(await holder('first')).toBe('')
  await eventually('it is ready again', readyz, (seen) => expect(seen).toEqual([200, 'ok\n']))
  expect(await reasons()).toContain('ConfigurationReloaded')

  configure({ metrics, leaderElection: { resourceID: 'third', enabled: 'perhaps' } })
  await eventually('the fault is named', readyz, ([status, text]) => {
    expect(status).toBe(200)
    expect(text).toContain('configuration: leaderElection.enabled: must be true or false')
  })
  expect(await holder('second')).not.toBe('')
  expect(readFileSync(operator.logFile, 'utf8')).not.toContain('the operator cannot go on')
})
