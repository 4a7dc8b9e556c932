import { expect, vi } from 'vitest'
import { events, modules, type Pod } from '../activities/kube/resources.ts'
import { annotations, labels } from '../api/names.ts'
import { moduleColumns } from './support/columns.ts'
import { eventually } from './support/eventually.ts'
import { statusOwners } from './support/fieldOwners.ts'
import { ended, playNode } from './support/playedNode.ts'
import { plugin } from './support/plugin.ts'
import { pushTestImage } from './support/pushTestImage.ts'
import { kernel, type Scenario } from './support/scenario.ts'
import { useSimulatedLab } from './support/simulatedLab.ts'
import { stories, useOperator } from './support/stories.ts'
import { dockerfile, tinyModule } from './support/tinyModule.ts'

/**
 * Images that are looked up or built again when somebody asks, and what status says of them, over a real control plane,
 * registry and Temporal; the test plays the kubelet.
 */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })
const lab = useSimulatedLab()
const operator = useOperator(lab)
const test = stories(lab, operator)
const name = 'tiny'

const isBuild = (pod: Pod) => pod.metadata.labels?.[labels.resourceType] !== undefined
const otherKernel = '6.6.2-test'
const push = async ({ namespace }: Scenario, text: string, tag = kernel) =>
  await pushTestImage(
    { url: `http://${lab.state.registry}` },
    { repository: `${namespace}/${name}`, tag, text },
  )
/** The status of a build pod that has pushed an image. */
function pushed(digest: string): object {
  const end = { exitCode: 0, reason: 'Completed', message: digest, finishedAt: new Date().toISOString() }
  const container = { name: 'kaniko', image: 'x', imageID: 'x', ready: false, restartCount: 0 }
  return { phase: 'Succeeded', containerStatuses: [{ ...container, state: { terminated: end } }] }
}
const untilTaken = async (story: Scenario) =>
  await eventually(
    'the annotation is taken off',
    async () => (await story.module(name))?.metadata.annotations?.[annotations.rebuild],
    (value) => value === undefined,
  )

test('images:MIC-10 Better: an image that is there is built again once, whoever is stopped meanwhile, and rolled out', async ({
  open,
}) => {
  const story = await open('rebuild')
  const { namespace } = story
  let built: string | undefined
  await playNode(story, kernel, (pod) => {
    if (!isBuild(pod)) return ended(pod)
    return built === undefined ? undefined : pushed(built)
  })
  const first = await push(story, 'first')
  await story.apply(
    dockerfile(namespace, name, 'FROM scratch'),
    tinyModule({ namespace, name, registry: lab.state.registry }),
  )
  await story.untilLoaded(name)
  expect(await story.kernelStatus(name)).toMatchObject({ digest: first })
  expect(story.pods.builds()).toEqual([])

  // Nobody is there when it is asked for.
  await operator.stop()
  const asked = await plugin(['retry', name, '--rebuild', '-n', namespace], {
    KUBECONFIG: lab.state.kubernetes.kubeconfig,
  })
  expect(asked).toMatchObject({ code: 0, stdout: expect.stringContaining(`kernel ${kernel}`) })
  await operator.start()
  await story.untilKernel(name, 'has taken it up', ({ rebuild }) => rebuild?.from === 1)
  await operator.stop()
  await operator.start()
  await untilTaken(story)
  await eventually(
    'there is a build pod',
    () => story.pods.builds(),
    (all) => all.length > 0,
  )
  expect(await story.kernelStatus(name)).not.toHaveProperty('digest')
  const told = { Ready: 'False', Reason: 'Unschedulable', Images: 'False', Loaded: 1, Nodes: 1 }
  await eventually(
    'kubectl get modules says so',
    () => moduleColumns(lab, namespace),
    ([row]) => expect(row).toMatchObject(told),
  )

  built = await push(story, 'second')
  await eventually(
    'the node gets the new one',
    () => story.pods.all().flatMap(({ pod }) => pod.spec?.initContainers?.map(({ image }) => image) ?? []),
    (images) => images.some((image) => image?.endsWith(`@${built}`)),
  )
  const entry = await story.untilKernel(name, 'is loaded', ({ phase }) => phase === 'Loaded')
  expect(entry).toMatchObject({ digest: built, attempt: 1 })
  expect(entry).not.toHaveProperty('rebuild')
  expect(story.pods.builds()).toHaveLength(1)
})

test('images:MIC-10 Better: without build it is refused as an Event, and the image stays', async ({
  open,
}) => {
  const story = await open('no-rebuild')
  const { namespace } = story
  await playNode(story, kernel, (pod) => ended(pod))
  const digest = await push(story, 'first')
  const mapping = { build: undefined }
  await story.apply(tinyModule({ namespace, name, registry: lab.state.registry, mapping }))
  await story.untilLoaded(name)
  await story.annotate(name, annotations.rebuild, 'all')
  await untilTaken(story)
  const refusals = async () =>
    (await lab.kube.list(events, { namespace })).items.filter(({ reason }) => reason === 'RebuildRefused')
  const [refusal] = await eventually('it is refused', refusals, (all) => all.length > 0)
  expect(refusal?.message).toBe(
    `The image for kernel ${kernel} is not built again: its mapping has no build section. Add build to the mapping, or push the image and change spec.imageRebuildTriggerGeneration.`,
  )
  expect(await story.kernelStatus(name)).toMatchObject({ phase: 'Loaded', digest })
  expect(story.pods.builds()).toEqual([])
})

test('images:MIC-10, STS-6: another imageRebuildTriggerGeneration looks images up again, and builds none that is there', async ({
  open,
}) => {
  const story = await open('trigger')
  const { namespace } = story
  await playNode(story, kernel, (pod) => (isBuild(pod) ? undefined : ended(pod)))
  await story.addNode(otherKernel)
  const first = await push(story, 'first')
  await push(story, 'other', otherKernel)
  await story.apply(
    dockerfile(namespace, name, 'FROM scratch'),
    tinyModule({ namespace, name, registry: lab.state.registry }),
  )
  const untriggered = await story.untilLoaded(name)
  expect(untriggered.status).not.toHaveProperty('imageRebuildTriggerGeneration')
  const second = await push(story, 'second')
  const trigger = async (value: number | null) =>
    await lab.kube.patch(modules, { namespace, name }, { spec: { imageRebuildTriggerGeneration: value } })
  expect(await story.kernelStatus(name)).toMatchObject({ phase: 'Loaded', digest: first })

  await trigger(5)
  const untilTaken = async (value: number | undefined) =>
    await eventually(
      'all of status is of the last change',
      () => story.module(name),
      (module) => {
        const { metadata, status } = module ?? {}
        const conditions = status?.conditions?.map(({ observedGeneration }) => observedGeneration)
        expect(new Set(conditions)).toEqual(new Set([metadata?.generation]))
        expect(status?.imageRebuildTriggerGeneration).toBe(value)
        const entry = status?.kernels?.find((each) => each.kernel === kernel)
        expect(entry).toMatchObject({ phase: 'Loaded', digest: second })
        expect(entry?.imageGeneration).toBe(value)
      },
    )
  await untilTaken(5)
  await trigger(null)
  await untilTaken(undefined)
  expect(story.pods.builds()).toEqual([])

  const owners = await statusOwners(story, name)
  expect(Object.keys(owners).toSorted()).toEqual([`kmm:${kernel}`, `kmm:${otherKernel}`, 'kmm:module'])
  const fields = Object.values(owners).flat()
  expect(fields.filter((field, index) => fields.indexOf(field) !== index)).toEqual([])
})
