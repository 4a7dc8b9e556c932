import { expect } from 'vitest'
import { Agent, request } from 'undici'
import { configMaps, events, type Event } from '../../../activities/kube/resources.ts'
import { operatorNamespace } from '../../../lab/operatorAccount.ts'
import { runOrThrow } from '../../../lab/programs/exec.ts'
import { ensurePrograms } from '../../../lab/programs/ensure.ts'
import { eventually } from '../../support/eventually.ts'
import { plugin } from '../../support/plugin.ts'
import { stories, useInstalledOperator } from '../../support/stories.ts'
import { useLab } from '../../support/testLab.ts'

/** The operator's ConfigMap, as an admin changes it in a cluster. */
const lab = useLab()
const operator = useInstalledOperator(lab)
const test = stories(lab, operator)
const configMap = { namespace: operatorNamespace, name: 'kmm-operator-manager-config' } as const

const applyConfiguration = async (text: string) => {
  const body = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: configMap,
    data: { 'controller_config.yaml': text },
  }
  await lab.kube.applyObject(body, { fieldManager: 'kubectl', force: true })
}

const eventsOfOperator = async (): Promise<Event[]> => {
  const { items } = await lab.kube.list(events, { namespace: operatorNamespace })
  return items.filter(({ involvedObject }) => involvedObject.kind === 'Deployment')
}

const readiness = async (): Promise<string[]> =>
  await Promise.all(
    (await operator.pods()).map(async ({ status }) => {
      const answer = await request(`http://${status?.podIP}:8081/readyz`)
      return `${answer.statusCode} ${await answer.body.text()}`
    }),
  )

test('what the configuration says has precedence over the environment of the Deployment, key by key', async ({
  open,
}) => {
  const crane = await ensurePrograms(['crane']).path('crane')
  const executor = lab.state.images?.kaniko ?? ''
  const image = `${executor}-configured`
  await runOrThrow([crane, 'copy', '--insecure', executor, image])
  await operator.reconfigure({
    job: { gcDelay: '10h' },
    build: { image, env: [{ name: 'EXAMPLE', value: 'configured' }] },
    worker: { imagePullSecrets: ['mirror'] },
  })
  const story = await open('configured')
  await story.addNode()
  await story.applyTiny('tiny')
  await story.untilLoaded('tiny')
  const [build] = story.pods.builds('tiny')
  const [container] = build?.pod.spec?.containers ?? []
  expect(container?.image).toBe(image)
  expect(container?.env).toContainEqual({ name: 'EXAMPLE', value: 'configured' })
  expect(build).toMatchObject({ gone: false, pod: { status: { phase: 'Succeeded' } } })
  expect(story.pods.workers('Load', 'tiny')[0]?.pod.spec?.imagePullSecrets).toEqual([{ name: 'mirror' }])

  await operator.reconfigure({})
  // A replica that still had the former delay may have planned with it.
  await operator.stop()
  await operator.start()
  await eventually(
    'the pod of the build is collected, now that nothing keeps it',
    () => story.pods.builds('tiny'),
    (all) => all.every((pod) => pod.gone),
  )
  await story.applyTiny('other')
  await story.untilLoaded('other')
  expect(story.pods.builds('other')[0]?.pod.spec?.containers[0]?.image).toBe(executor)
})

test("KMM's own ConfigMap, applied over this one, leaves the operator connected and is warned of", async ({
  open,
}) => {
  await operator.untilStartedAnew(
    async () =>
      await applyConfiguration(`healthProbeBindAddress: :8081
webhook:
  disableHTTP2: true
  port: 9443
leaderElection:
  enabled: true
  resourceID: kmm.sigs.x-k8s.io
metrics:
  enableAuthnAuthz: true
  disableHTTP2: true
  bindAddress: 0.0.0.0:8443
  secureServing: true
worker:
  runAsUser: 0
  seLinuxType: spc_t
  setFirmwareClassPath: /var/lib/firmware
job:
  gcDelay: 1s
`),
  )
  const log = await operator.text()
  for (const key of ['webhook', 'metrics.disableHTTP2', 'worker.setFirmwareClassPath'])
    expect(log).toContain(key)
  const story = await open('of-kmm')
  await story.addNode()
  await story.applyTiny('tiny')
  await story.untilLoaded('tiny')
})

test('a value that cannot be used is named everywhere an admin looks, and changes nothing', async ({
  open,
}) => {
  const stored = await lab.kube.get(configMaps, configMap)
  const good = stored?.data?.['controller_config.yaml'] ?? ''
  await applyConfiguration(`${good.replace(/gcDelay: .*/, 'gcDelay: soon')}`)
  await eventually('every replica says so when it is asked whether it is ready', readiness, (answers) => {
    for (const answer of answers) expect(answer).toMatch(/^200 ok\n.*job\.gcDelay: .*soon/s)
  })
  const [event] = (await eventsOfOperator()).filter(({ reason }) => reason === 'InvalidConfiguration')
  expect(event?.message).toMatch(/job\.gcDelay: .*soon/)
  expect(await operator.text()).toMatch(/the configuration is not valid/)

  const story = await open('unusable')
  await story.addNode()
  await story.applyTiny('tiny')
  await story.untilLoaded('tiny')
  const why = await plugin(['why', 'tiny', '-n', story.namespace], {
    KUBECONFIG: lab.state.kubernetes.kubeconfig,
  })
  expect(why.stdout).toMatch(/job\.gcDelay: .*soon/)

  await applyConfiguration(good)
  await eventually('all is well again', readiness, (answers) => {
    for (const answer of answers) expect(answer).toBe('200 ok\n')
  })
})

test('metrics are served over TLS to accounts that may read them, and to nobody else', async () => {
  const values = { metrics: { readers: [{ namespace: 'default', name: 'default' }] } }
  await operator.upgrade({ values, settings: {} })
  const kubectl = await ensurePrograms(['kubectl']).path('kubectl')
  const { kubeconfig } = lab.state.kubernetes
  const token = async (namespace: string) =>
    (
      await runOrThrow([kubectl, '--kubeconfig', kubeconfig, '-n', namespace, 'create', 'token', 'default'])
    ).trim()
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } })
  const scrape = async (headers: Record<string, string>) => {
    const [pod] = await operator.pods()
    const answer = await request(`https://${pod?.status?.podIP}:8443/metrics`, { dispatcher, headers })
    return { status: answer.statusCode, page: await answer.body.text() }
  }
  const reader = { authorization: `Bearer ${await token('default')}` }
  await eventually(
    'the account that may read gets the page',
    () => scrape(reader),
    ({ status, page }) => {
      expect(status).toBe(200)
      expect(page).toContain('kmm_module_num')
    },
  )
  expect((await scrape({})).status).toBe(401)
  expect((await scrape({ authorization: `Bearer ${await token('kube-system')}` })).status).toBe(403)
  await dispatcher.close()
})
