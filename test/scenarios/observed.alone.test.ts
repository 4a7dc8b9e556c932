import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadAllYaml, type KubernetesObject } from '@kubernetes/client-node'
import { Agent, request } from 'undici'
import { afterAll, expect } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { nodes, serviceAccounts } from '../../activities/kube/resources.ts'
import { annotations } from '../../api/names.ts'
import { freePorts } from '../../lab/ports.ts'
import { eventually } from '../support/eventually.ts'
import { Operator } from '../support/operator.ts'
import { pushTestImage } from '../support/pushTestImage.ts'
import { openApiServerRelay, openRelay } from '../../lab/relay.ts'
import { kernel, type Scenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'
import { stories, useOperator } from '../support/stories.ts'
import { tinyModule } from '../support/tinyModule.ts'

/** What an operator tells of itself: metrics, log, probes, and how often it writes. Its Modules are for simulated nodes. */
const lab = useLab()
const [port = 0] = await freePorts(1)
const operator = useOperator(lab, { metrics: { bindAddress: `127.0.0.1:${port}` } })
const test = stories(lab, operator)
const name = 'tiny'

/** A token of a new ServiceAccount. */
async function tokenOf(story: Scenario, account: string): Promise<string> {
  const { namespace } = story
  const metadata = { namespace, name: account }
  await lab.kube.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata })
  const { status } = await lab.kube.transport.json<{ status: { token: string } }>({
    verb: 'create',
    resource: 'serviceaccounts/token',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
  })
  return status.token
}

/** Lets an account do what the ClusterRole of deploy/ for readers of metrics allows. */
async function letRead({ namespace }: Scenario, account: string): Promise<void> {
  const path = '/apis/rbac.authorization.k8s.io/v1'
  const rbac = loadAllYaml(readFileSync('deploy/kustomize/rbac.yaml', 'utf8')) as KubernetesObject[]
  const role = rbac.find(({ metadata }) => metadata?.name === 'kmm-operator-metrics-reader')
  const subjects = [{ kind: 'ServiceAccount', namespace, name: account }]
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role?.metadata?.name }
  const kind = 'ClusterRoleBinding'
  const binding = { apiVersion: role?.apiVersion, kind, metadata: { name: namespace }, subjects, roleRef }
  for (const [resource, body] of [
    ['clusterroles', role],
    ['clusterrolebindings', binding],
  ] as const)
    await lab.kube.transport.json({
      verb: 'patch',
      resource,
      path: `${path}/${resource}/${body?.metadata?.name}`,
      query: { fieldManager: 'test', force: true },
      contentType: 'application/apply-patch+yaml',
      body,
    })
}

const dispatcher = new Agent({ connect: { rejectUnauthorized: false } })
afterAll(async () => await dispatcher.close())
async function page(token?: string) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const { statusCode, body } = await request(`https://127.0.0.1:${port}/metrics`, { headers, dispatcher })
  return { status: statusCode, text: await body.text() }
}

test('nodes:MET: metrics for those who may, of Modules, requests, this process and Temporal', async ({
  open,
}) => {
  const story = await open('metrics')
  const { namespace } = story
  const { registry } = lab.state
  await story.addNode()
  await pushTestImage({ url: `http://${registry}` }, { repository: `${namespace}/${name}`, tag: kernel })
  await story.apply(tinyModule({ namespace, name, registry, mapping: { build: undefined } }))
  await story.untilLoaded(name)

  expect((await page()).status).toBe(401)
  expect((await page('no-token')).status).toBe(401)
  const token = await tokenOf(story, 'reader')
  expect((await page(token)).status).toBe(403)
  await letRead(story, 'reader')
  const { text } = await eventually(
    'the reader is let in, and the run has completed',
    () => page(token),
    ({ text: seen }) =>
      expect(seen).toMatch(/^temporal_workflow_completed_total\{.*workflow_type="moduleKernel".*\} [1-9]/m),
  )
  expect(text).toContain('\nkmm_module_num 1\n')
  expect(text).toContain(`kmm_module_nodes{name="${name}",namespace="${namespace}",state="loaded"} 1\n`)
  expect(text).toMatch(/^kmm_loads_total\{result="succeeded",reason="Completed"\} [1-9]/m)
  expect(text).toMatch(/^kmm_kubernetes_requests_total\{verb="patch",resource="modules\/status"\} [1-9]/m)
  // Nothing grows with the nodes or pods of a cluster.
  expect(text).not.toContain(`simulated-${namespace}`)
  expect(text).not.toContain('kmm-worker-')

  const named = new Set(text.match(/^# TYPE \S+/gm)?.map((line) => line.replace('# TYPE ', '')))
  const missing = dashboardMetrics().filter(
    (metric) => !named.has(metric.replace(/_(bucket|sum|count)$/, '')),
  )
  expect(missing).toEqual([])
})

/** Writes of this operator to the status of Modules so far. */
async function statusWrites(token: string): Promise<number> {
  const line = /^kmm_kubernetes_requests_total\{verb="patch",resource="modules\/status"\} (\d+)$/m
  return Number(line.exec((await page(token)).text)?.[1] ?? 0)
}

test('status is written at a bounded rate while nodes come and load, and not at all when nothing does', async ({
  open,
}) => {
  const story = await open('writes')
  const { namespace } = story
  const { registry } = lab.state
  const token = await tokenOf(story, 'reader')
  await letRead(story, 'reader')
  const count = 100
  const names: string[] = []
  for (let index = 0; index < count / 2; index++) names.push(await story.addNode())
  await pushTestImage({ url: `http://${registry}` }, { repository: `${namespace}/${name}`, tag: kernel })
  await eventually(
    'the reader is let in',
    () => page(token),
    ({ status }) => status === 200,
  )
  const before = await statusWrites(token)
  const begun = performance.now()
  await story.apply(tinyModule({ namespace, name, registry, mapping: { build: undefined } }))
  // One after another, so that now all there are have it, now one has not.
  while (names.length < count) names.push(await story.addNode())
  const allLoaded = { reason: 'Loaded', message: `Loaded on ${count} of ${count} nodes.` }
  const atRest = await eventually(
    'it is loaded everywhere, and all that is said of it is so',
    () => story.module(name),
    (module) =>
      expect(module?.status).toMatchObject({
        moduleLoader: { desiredNumber: count, availableNumber: count },
        kernels: [{ phase: 'Loaded', nodes: { loaded: count } }],
        conditions: expect.arrayContaining([expect.objectContaining(allLoaded)]) as unknown,
      }),
  )
  const written = (await statusWrites(token)) - before
  const seconds = (performance.now() - begun) / 1_000
  // The run of the kernel and that of the Module, each once a second; of the kernel's some are ahead of that.
  const atOnce = 10
  expect(written).toBeGreaterThan(0)
  expect(written).toBeLessThanOrEqual(2 * seconds + atOnce)

  await Promise.all(
    names.map((node) =>
      lab.kube.patch(nodes, { name: node }, { metadata: { annotations: { 'example.com/x': '1' } } }),
    ),
  )
  await operator.stop()
  await operator.start()
  await story.apply(tinyModule({ namespace, name: 'other', registry, mapping: { build: undefined } }))
  await story.untilKernel('other', 'has been looked at', ({ reason }) => reason === 'ImageMissing')
  expect((await story.module(name))?.metadata.resourceVersion).toBe(atRest?.metadata.resourceVersion)
})

/** Every metric that the dashboard asks for. */
function dashboardMetrics(): string[] {
  const text = readFileSync('deploy/chart/files/dashboard.json', 'utf8')
  const { panels } = JSON.parse(text) as { panels: { targets?: { expr: string }[] }[] }
  const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  return queries.flatMap((query) => query.match(/\b(?:kmm|temporal|process|nodejs)_\w+/g) ?? [])
}

test('an idle operator says nothing: not for a heartbeat, not for a pass that changes nothing', async ({
  open,
}) => {
  const story = await open('quiet')
  const { namespace } = story
  const { registry } = lab.state
  const node = await story.addNode()
  await pushTestImage({ url: `http://${registry}` }, { repository: `${namespace}/${name}`, tag: kernel })
  await story.apply(tinyModule({ namespace, name, registry, mapping: { build: undefined } }))
  await story.untilLoaded(name)
  const lines = () => readFileSync(operator.logFiles.at(-1) ?? '', 'utf8').split('\n')
  const before = lines()
  const said = before.filter((line) => line.includes(`${namespace}/${name}`))
  expect(said.map((line) => JSON.parse(line) as Record<string, unknown>)).toMatchObject([
    { msg: 'module loaded', module: `${namespace}/${name}`, kernel, node, runId: expect.any(String) },
  ])

  // Changes that mean nothing to the Module, and one that its run looks at and finds done.
  await lab.kube.patch(nodes, { name: node }, { metadata: { annotations: { 'example.com/x': '1' } } })
  await story.annotate(name, annotations.retryBuild, 'all')
  await story.untilRetryIsTaken(name)
  await story.apply(tinyModule({ namespace, name: 'other', registry, mapping: { build: undefined } }))
  await story.untilKernel('other', 'has been looked at', ({ reason }) => reason === 'ImageMissing')
  const news = lines().slice(before.length - 1)
  expect(news.filter((line) => line !== '' && !line.includes(`${namespace}/other`))).toEqual([])
})

test('without API server and Temporal the operator is alive and not ready', async ({ onTestFinished }) => {
  const { state, folder } = lab
  const kubeconfig = join(folder.dir, 'relayed.kubeconfig')
  const toServer = await openApiServerRelay(state.kubernetes, kubeconfig)
  const toTemporal = await openRelay(state.address, state.temporal.address)
  const relays = [toServer, toTemporal]
  onTestFinished(() => relays.forEach(({ close }) => close()))
  const surroundings = {
    ...lab,
    state: {
      ...state,
      kubernetes: { ...state.kubernetes, kubeconfig },
      temporal: { ...state.temporal, address: `${state.address}:${toTemporal.port}` },
    },
  }
  const cutOff = new Operator(surroundings, {}, 'cut-off')
  await cutOff.start()
  onTestFinished(() => cutOff.stop())
  const settings = parseYaml(readFileSync(join(folder.dir, 'cut-off-0/operator.yaml'), 'utf8')) as {
    readonly healthProbeBindAddress: string
  }
  const probe = async (path: string) => {
    const answer = await fetch(`http://${settings.healthProbeBindAddress}${path}`)
    return [answer.status, await answer.text()]
  }
  expect(await probe('/readyz')).toEqual([200, 'ok\n'])
  for (const relay of relays) relay.cut()
  const unready = [503, expect.stringMatching(/^API server: .+\nTemporal: .+\n$/)]
  // An answer of the moment before is good for a few seconds.
  await eventually(
    'it is not ready',
    () => probe('/readyz'),
    (seen) => expect(seen).toEqual(unready),
  )
  expect(await probe('/healthz')).toEqual([200, 'ok\n'])
  for (const relay of relays) relay.restore()
  await eventually(
    'it is ready again',
    () => probe('/readyz'),
    ([status]) => status === 200,
  )
})
