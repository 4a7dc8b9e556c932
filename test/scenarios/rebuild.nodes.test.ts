import { expect } from 'vitest'
import { annotations } from '../../api/names.ts'
import { eventually } from '../support/eventually.ts'
import { digestOf } from '../support/registry.ts'
import { kernel } from '../support/scenario.ts'
import { stories } from '../support/stories.ts'
import { useLab } from '../support/testLab.ts'

const lab = useLab()
const test = stories(lab)
const name = 'tiny'
const outdated = 'ImageOutdated'

test('images:MIC-10, MIC-11: an edited Dockerfile is warned of, and the image is built again when asked for', async ({
  open,
}) => {
  const story = await open('rebuild')
  await story.addNode()
  await story.applyTiny(name, [['touch', '/first']])
  await story.untilLoaded(name)
  const first = await story.kernelStatus(name)
  expect(first).toMatchObject({ attempt: 1, sourceHash: expect.stringMatching(/^[0-9a-f]{64}$/) })

  await story.applyTiny(name, [['touch', '/second']])
  const { message } = await story.untilCondition(name, { type: outdated, reason: 'InputsDiffer' })
  for (const word of [kernel, first?.image ?? '', annotations.rebuild]) expect(message).toContain(word)
  expect(await story.kernelStatus(name)).toMatchObject({ phase: 'Loaded', digest: first?.digest })
  expect(story.pods.builds(name)).toHaveLength(1)

  await story.annotate(name, annotations.rebuild, kernel)
  const second = await story.untilKernel(
    name,
    'has another image',
    ({ phase, digest = first?.digest }) => phase === 'Loaded' && digest !== first?.digest,
  )
  expect(second.digest).toBe(await digestOf(lab.state.registry, `${story.namespace}/${name}`, kernel))
  expect(second.sourceHash).not.toBe(first?.sourceHash)
  expect(second).not.toHaveProperty('rebuild')
  expect(story.pods.builds(name)).toHaveLength(2)
  const module = await eventually(
    'the warning is gone',
    () => story.module(name),
    (seen) => seen?.status?.conditions?.every(({ type }) => type !== outdated),
  )
  expect(module?.metadata.annotations ?? {}).not.toHaveProperty(annotations.rebuild)
})
