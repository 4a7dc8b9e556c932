import { readFileSync } from 'node:fs'
import { expect, vi } from 'vitest'
import { pods, secrets, serviceAccounts } from '../activities/kube/resources.ts'
import type { KernelStatus } from '../api/module.ts'
import { markdownText } from '../api/text/markdown.ts'
import { pageOf } from '../workflows/moduleKernel/testing/page.ts'
import { eventually } from './support/eventually.ts'
import { listRuns } from './support/runs.ts'
import { kernel, type Scenario } from './support/scenario.ts'
import { useSimulatedLab } from './support/simulatedLab.ts'
import { stories, useOperator } from './support/stories.ts'
import { dockerfile, tinyModule } from './support/tinyModule.ts'

/** Two replicas over a real control plane and Temporal; no node takes their build pods, and the test ends them. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const lab = useSimulatedLab()
const settings = { build: { maxParallel: 1 } }
const operator = useOperator(lab, settings)
const replica = useOperator(lab, settings, 'replica')
const test = stories(lab, operator)

test('images:BLD-S12: of builds that begin at once as many run as may, the others wait in turn', async ({
  open,
}) => {
  const story = await open('queue')
  const { namespace } = story
  const { registry } = lab.state
  await story.addNode()
  const names = ['a', 'b', 'c', 'd']
  for (const name of names) await story.apply(dockerfile(namespace, name, 'FROM scratch'))
  await Promise.all(names.map(async (name) => await story.apply(tinyModule({ namespace, name, registry }))))
  const begun = () => story.pods.builds()
  /** The Modules that wait, in the order in which they came, with the number of builds that they say are before them. */
  const waiting = async () => {
    const found = await Promise.all(
      names.map(async (name) => ({ name, entry: await story.kernelStatus(name) })),
    )
    return found
      .filter(({ entry }) => entry?.reason === 'BuildQueued')
      .toSorted((a, b) => placeOf(a).localeCompare(placeOf(b)))
      .map(({ name, entry }) => `${name} ${/^\d+/.exec(entry?.message ?? '')?.[0]}`)
  }
  const placeOf = ({ name, entry }: { name: string; entry: KernelStatus | undefined }) =>
    `${entry?.since} ${name}`
  const untilQueued = async (count: number) => {
    const seen = await eventually('everybody knows the place', waiting, (queue) =>
      expect(queue.map((text) => text.slice(-1))).toEqual(['1', '2', '3'].slice(0, count)),
    )
    return seen.map((text) => text.slice(0, 1))
  }

  const [first = '', second, third] = await untilQueued(3)
  await eventually('one has begun', begun, (all) => all.length > 0)
  await story.untilKernel(first, 'says what it waits for, and that no node takes that', ({ message }) => {
    expect(message).toBe(
      '1 build is before it, and at most one runs at once in the cluster. 1 build pod has no node to run on: ' +
        "kubectl get pods -A -l 'kmm.node.kubernetes.io/resource-type in (BuildImage,SignImage)' shows which. It begins " +
        "by itself when its turn comes; a greater build.maxParallel in the operator's configuration lets more run.",
    )
  })

  // A restart of either replica changes nothing.
  for (const each of [operator, replica]) await each.restartWith(settings)
  const [built] = begun()
  const ref = { namespace, name: built?.name ?? '' }
  await lab.kube.patch(pods, ref, { status: { phase: 'Failed' } }, { subresource: 'status' })
  expect(await untilQueued(2)).toEqual([second, third])
  await eventually('the next has begun', begun, (all) => all.length > 1)
  expect(begun()).toHaveLength(2)
  expect(story.pods.builds(first)).toHaveLength(1)
})

test('a namespace that has builds waiting keeps no other from its turn', async ({ open }) => {
  const [flood, late] = [await open('flood'), await open('late')]
  const { registry } = lab.state
  const want = async ({ namespace }: Scenario, name: string) => {
    await lab.kube.applyObject(dockerfile(namespace, name, 'FROM scratch'), by)
    await lab.kube.applyObject(tinyModule({ namespace, name, registry }), by)
  }
  const by = { fieldManager: 'kubectl', force: true }
  for (const story of [flood, late]) await story.addNode()
  const isQueued = ({ reason }: KernelStatus) => reason === 'BuildQueued'
  await want(flood, 'a')
  await eventually(
    'the first has begun',
    () => flood.pods.builds('a'),
    (all) => all.length > 0,
  )
  for (const name of ['b', 'c']) await want(flood, name)
  for (const name of ['b', 'c']) await flood.untilKernel(name, 'waits', isQueued)
  await want(late, 'a')
  await late.untilKernel('a', 'waits', isQueued)

  await failBuild(flood, flood.pods.builds('a')[0]?.name ?? '')
  await eventually(
    'the one that came last has begun',
    () => late.pods.builds(),
    (all) => all.length > 0,
  )
  expect(flood.pods.builds()).toHaveLength(1)
})

test('images:IMG-10: a build logs in as the image check does: with a pull secret of the service account', async ({
  open,
}) => {
  const story = await open('login')
  const { namespace } = story
  const { registry } = lab.state
  await story.addNode()
  const auth = Buffer.from('user:password').toString('base64')
  await lab.kube.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/dockerconfigjson',
    metadata: { namespace, name: 'pull' },
    stringData: { '.dockerconfigjson': JSON.stringify({ auths: { [registry]: { auth } } }) },
  })
  const account = { namespace, name: 'default' }
  await eventually('there is a service account', () => lab.kube.get(serviceAccounts, account), Boolean)
  await lab.kube.patch(serviceAccounts, account, { imagePullSecrets: [{ name: 'pull' }] })
  await story.apply(
    dockerfile(namespace, 'a', 'FROM scratch'),
    tinyModule({ namespace, name: 'a', registry }),
  )
  const [built] = await eventually(
    'there is a build pod',
    () => story.pods.builds(),
    (all) => all.length > 0,
  )
  const { metadata, spec } = built?.pod ?? {}
  const config = spec?.containers[0]?.volumeMounts?.find(({ mountPath }) => mountPath === '/kaniko/.docker')
  expect(spec?.volumes?.find(({ name }) => name === config?.name)?.secret?.secretName).toBe('pull')
  expect(metadata?.annotations?.['kmm.sigs.x-k8s.io/secret-versions']).toContain('"pull":')
})

/** Ends a build pod as a kubelet reports a command that failed. */
async function failBuild({ namespace }: Scenario, name: string): Promise<void> {
  const end = { exitCode: 1, reason: 'Error', finishedAt: new Date().toISOString() }
  const container = { name: 'kaniko', image: 'x', imageID: 'x', ready: false, restartCount: 0 }
  const status = { phase: 'Failed', containerStatuses: [{ ...container, state: { terminated: end } }] }
  await lab.kube.patch(pods, { namespace, name }, { status }, { subresource: 'status' })
}

/** The table of saved views in docs/temporal-ui.md: queries by name. */
function savedViews(): [string, string][] {
  const rows = readFileSync('docs/temporal-ui.md', 'utf8').matchAll(/^\| (.+?) +\| `(.+)` +\|$/gm)
  return [...rows].map(([, view = '', query = '']) => [view, query])
}

test('a held run that somebody terminates is followed by another that builds nothing; the saved views find both', async ({
  open,
}) => {
  const story = await open('views')
  const { namespace } = story
  const { registry } = lab.state
  await story.addNode()
  await story.apply(
    dockerfile(namespace, 'held', 'FROM scratch'),
    tinyModule({ namespace, name: 'held', registry }),
  )
  const [pod] = await eventually(
    'there is a build pod',
    () => story.pods.builds('held'),
    (all) => all.length > 0,
  )
  await failBuild(story, pod?.name ?? '')
  const before = await story.untilKernel('held', 'is held', ({ phase }) => phase === 'BuildFailed')
  const { workflowId = '', runId } = before
  await lab.temporal.workflow.getHandle(workflowId, runId).terminate('by a person')
  const after = await story.untilKernel('held', 'goes on in another run', (entry) => entry.runId !== runId)
  expect(after).toEqual({ ...before, runId: after.runId })
  expect(await pageOf(lab.temporal.workflow.getHandle(workflowId))).toContain(`#### Waits: ${before.reason}`)
  expect(story.pods.builds()).toMatchObject([{ name: before.buildPod, uid: pod?.uid, gone: false }])

  await story.apply(
    dockerfile(namespace, 'builds', 'FROM scratch'),
    tinyModule({ namespace, name: 'builds', registry }),
  )
  const waits = await story.untilKernel('builds', 'has no node', ({ reason }) => reason === 'Unschedulable')
  await eventually(
    "the build's page names the pod and says what is waited for",
    () => pageOf(lab.temporal.workflow.getHandle(waits.workflowId ?? '')),
    (page) => {
      expect(page).toContain('**Phase**: Building')
      expect(page).toContain(`**Unschedulable**: ${markdownText(waits.message ?? '')}`)
      expect(page).toContain(`kubectl -n ${namespace} describe pod ${waits.buildPod}\n`)
      expect(page).toContain(`- the end of build pod ${namespace}/${waits.buildPod}: `)
    },
  )

  const values = { drivers: namespace, x: 'held', '6.8.0-60-generic': kernel, '1e361e27': lab.cluster }
  const ours = (query: string) =>
    Object.entries(values).reduce((text, [value, our]) => text.replace(`"${value}"`, `"${our}"`), query)
  const find = async (query: string) => {
    const seen = (await listRuns(lab, ours(query))).map((run) => ({
      ...run,
      parts: run.workflowId.split(':'),
    }))
    const here = seen.filter(({ parts }) => parts[2] === namespace)
    const words = here.map(({ parts: [, , , module, of], status }) =>
      of === undefined ? `Module ${module}` : `${module} ${status}`,
    )
    return [...new Set(words)].toSorted()
  }
  const history = ['Module held', 'held RUNNING', 'held TERMINATED']
  await eventually(
    'the saved views find what they say',
    async () =>
      Object.fromEntries(
        await Promise.all(savedViews().map(async ([view, query]) => [view, await find(query)])),
      ) as unknown,
    (found) =>
      expect(found).toEqual({
        // No node can take the other's pod until somebody makes room.
        'what waits for me': ['builds RUNNING', 'held RUNNING'],
        "one Module's history": history,
        "one kernel's runs": ['builds RUNNING', 'held RUNNING', 'held TERMINATED'],
        "one cluster's runs": ['Module builds', ...history, 'builds RUNNING'].toSorted(),
        'builds that go on': ['builds RUNNING'],
      }),
    60_000,
  )
})
