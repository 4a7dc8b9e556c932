import { describe, expect } from 'vitest'
import { events, modules, namespaces, nodes } from '../../activities/kube/resources.ts'
import { annotations, labels } from '../../api/names.ts'
import { loseSimulatedNode, returnSimulatedNode } from '../support/awayNode.ts'
import { claimsOn } from '../support/claims.ts'
import { eventually } from '../support/eventually.ts'
import { recordedOn } from '../support/nodeRecord.ts'
import { type OpenScenario, stories } from '../support/stories.ts'
import { runsOf } from '../support/runs.ts'
import type { Scenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'
import { fetching, tinyModule } from '../support/tinyModule.ts'
import { loseLayers } from '../support/registry.ts'
import { pushTestImage } from '../support/pushTestImage.ts'
import { buildNodeLabels } from '../../lab/realNodes.ts'
import type { KernelStatus } from '../../api/module.ts'

const lab = useLab()
const test = stories(lab)
const name = 'tiny'

const labelSelector = (of: Readonly<Record<string, string>>) =>
  Object.entries(of)
    .map((pair) => pair.join('='))
    .join(',')

/** What the record of a node says of the Module. */
const recorded = ({ namespace }: Scenario, node: string) => recordedOn(lab, node, { namespace, name })

async function untilGone({ namespace }: Scenario, named = name): Promise<void> {
  const module = () => lab.kube.get(modules, { namespace, name: named })
  await eventually(`Module ${namespace}/${named} is gone`, module, (found) => found === undefined)
}

/** What is said on a Node of a module that was left in its kernel. */
async function leftOn(node: string): Promise<string[]> {
  const fieldSelector = `involvedObject.kind=Node,involvedObject.name=${node},reason=ModuleLeftLoaded`
  const { items } = await lab.kube.list(events, { namespace: 'default', fieldSelector })
  return items.map(({ message = '' }) => message)
}

describe('a Module is deleted while a node is away (users.md 5.8)', () => {
  async function loadedOnTwo(open: OpenScenario, what: string) {
    const story = await open(what)
    const [stays, leaves] = [await story.addNode(), await story.addNode()]
    await story.applyTiny(name)
    await story.untilLoaded(name)
    await loseSimulatedNode(lab, leaves)
    await story.remove(modules, name)
    await eventually(
      'the node that answers is unloaded',
      () => recorded(story, stays),
      ({ fact }) => fact === undefined,
    )
    const page = async () => (await story.module(name))?.status?.conditions?.find((c) => c.type === 'Ready')
    await eventually('what it waits for is said', page, (ready) => {
      expect(ready).toMatchObject({ reason: 'Deleting' })
      expect(ready?.message).toContain(`node ${leaves}: it is not Ready`)
    })
    expect((await recorded(story, leaves)).fact).toBeDefined()
    return { story, stays, leaves }
  }

  test('it goes when the node returns from its reboot', async ({ open }) => {
    const { story, leaves } = await loadedOnTwo(open, 'reboots')
    await returnSimulatedNode(lab, leaves)
    await untilGone(story)
    expect(await recorded(story, leaves)).toEqual({})
    expect(await leftOn(leaves)).toEqual([])
  })

  test('a person gives the node up: recorded there, and forgotten after its next boot', async ({ open }) => {
    const { story, leaves } = await loadedOnTwo(open, 'forced')
    await story.annotate(name, annotations.forceFinalize, 'the rack burnt down')
    await untilGone(story)
    const { wish, fact } = await recorded(story, leaves)
    expect(wish).toBeUndefined()
    expect(fact?.failure).toMatchObject({ reason: 'LeftLoaded' })
    expect(await leftOn(leaves)).toEqual([expect.stringContaining('the rack burnt down')])
    expect(Object.keys((await lab.kube.get(nodes, { name: leaves }))?.metadata.labels ?? {})).not.toContain(
      `kmm.node.kubernetes.io/${story.namespace}.${name}.ready`,
    )

    await returnSimulatedNode(lab, leaves)
    const forgotten = () => recorded(story, leaves)
    await eventually('the record forgets it', forgotten, (entries) => entries.fact === undefined)
  })
})

test('a Module deleted while a node cannot pull its image leaves nothing (users.md 5.8)', async ({
  open,
}) => {
  const story = await open('unpullable')
  const { namespace } = story
  const { registry } = lab.state
  const repository = `${namespace}/${name}`
  // The registry has the manifest, so the image exists; what nodes pull is lost.
  await pushTestImage({ url: `http://${registry}` }, { repository, tag: 'broken' })
  await loseLayers(registry, repository, 'broken')
  const { items } = await lab.kube.list(nodes, { labelSelector: labelSelector(buildNodeLabels) })
  const { metadata, status } = items[0] ?? {}
  const node = metadata?.name ?? ''
  const containerImage = `${registry}/${repository}:broken`
  const spec = { selector: buildNodeLabels, tolerations: [] }
  const mapping = { containerImage, build: undefined }
  await story.apply(tinyModule({ namespace, name, registry, mapping, spec }))
  const cannotPull = ({ reason }: KernelStatus) => expect(reason).toBe('ImagePullBackOff')
  await story.untilKernel(name, 'cannot be pulled', cannotPull, status?.nodeInfo?.kernelVersion)

  await story.remove(modules, name)
  await untilGone(story)
  expect(story.pods.all().every(({ gone }) => gone)).toBe(true)
  expect(await recorded(story, node)).toEqual({})
})

test('a namespace whose guard was taken off is deleted: builds end, what stays loaded is recorded', async ({
  open,
  gate,
}) => {
  const story = await open('swept')
  const { namespace } = story
  const node = await story.addNode()
  await story.applyTiny(name)
  await story.untilLoaded(name)
  await story.applyTiny('slow', [fetching(gate.wait)])
  await gate.untilKnocked()
  await expect(story.remove(namespaces, namespace)).rejects.toThrow(/still has Modules/)

  await lab.kube.patch(
    namespaces,
    { name: namespace },
    { metadata: { labels: { [labels.containsModules]: null } } },
  )
  await story.remove(namespaces, namespace)
  await eventually(
    'the namespace is gone',
    () => lab.kube.get(namespaces, { name: namespace }),
    (found) => found === undefined,
  )
  const { wish, fact } = await recorded(story, node)
  expect(wish).toBeUndefined()
  expect(fact?.failure).toMatchObject({ reason: 'LeftLoaded' })
  expect(fact?.failure?.message).toContain('namespace')
  expect(await leftOn(node)).toHaveLength(1)
  expect(story.pods.builds().every((pod) => pod.gone)).toBe(true)
  expect(await claimsOn(lab, `${lab.state.registry}/${namespace}/`)).toEqual([])
  for (const named of [name, 'slow']) {
    const open = () => runsOf(lab, { namespace, name: named }, 'ExecutionStatus="Running"')
    await eventually(`no run of ${named} is open`, open, (runs) => expect(runs).toEqual([]))
  }
})
