import { expect } from 'vitest'
import { modules, nodeModulesConfigs } from '../../activities/kube/resources.ts'
import { applyManifests } from '../../lab/applyManifests.ts'
import { definitionFiles } from '../../lab/operator.ts'
import { eventually } from '../support/eventually.ts'
import { stories, useOperator } from '../support/stories.ts'
import { removeRules } from '../support/removeRules.ts'
import type { Scenario } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'
import { expectWhy } from '../support/why.ts'

const lab = useLab()
const operator = useOperator(lab)
const test = stories(lab, operator)
const modprobe = 'spec.moduleLoader.container.modprobe'

/** Changes what modprobe is told; true when the API server takes it. */
async function setModprobe(story: Scenario, name: string, change: object): Promise<boolean> {
  const patch = { spec: { moduleLoader: { container: { modprobe: { ...change } } } } }
  try {
    const { namespace } = story
    return (await lab.kube.patch(modules, { namespace, name }, patch)).kind === 'written'
  } catch {
    return false
  }
}

test('a loaded Module that breaks rules stays loaded, says why, recovers, and can be deleted', async ({
  open,
}) => {
  const { kubeconfig } = lab.state.kubernetes
  const story = await open('stored')
  const node = await story.addNode()
  const names = ['mended', 'deleted']
  for (const name of names) await story.applyTiny(name)
  for (const name of names) await story.untilLoaded(name)

  const bad = { moduleName: '', dirName: 'opt' }
  expect(await setModprobe(story, 'mended', bad)).toBe(false)
  await removeRules(kubeconfig)
  try {
    for (const name of names) {
      const taken = () => setModprobe(story, name, bad)
      await eventually('the API server takes a bad Module', taken, (done) => done)
    }
  } finally {
    await applyManifests(kubeconfig, definitionFiles())
  }
  for (const name of names) {
    const ready = await story.untilCondition(name, { type: 'Ready', status: 'False', reason: 'SpecInvalid' })
    expect(ready.message).toContain(`${modprobe}: give either moduleName`)
    expect(ready.message).toContain(`${modprobe}.dirName: must be an absolute path`)
    expect((await story.module(name))?.status?.moduleLoader?.availableNumber).toBe(1)
  }
  await expectWhy(story, 'mended', { line: 'definition', reason: 'SpecInvalid' })
  expect(story.pods.workers('Unload')).toEqual([])
  const record = await lab.kube.get(nodeModulesConfigs, { name: node })
  expect(record).toMatchObject({ status: { modules: [expect.anything(), expect.anything()] } })

  const good = { moduleName: 'tiny', dirName: '/opt' }
  expect(await setModprobe(story, 'mended', good)).toBe(true)
  await story.untilLoaded('mended')
  expect(story.pods.workers('Unload')).toEqual([])

  await story.deleteModule('deleted')
  expect(story.pods.workers('Unload')).toHaveLength(1)
  expect((await story.module('mended'))?.status?.moduleLoader?.availableNumber).toBe(1)
})
