import { expect } from 'vitest'
import { secrets } from '../../activities/kube/resources.ts'
import { stories } from '../support/stories.ts'
import { pushTestImage } from '../support/pushTestImage.ts'
import { digestOf } from '../support/registry.ts'
import { kernel } from '../support/scenario.ts'
import { useLab } from '../support/testLab.ts'
import { tinyBuild } from '../support/tinyModule.ts'

const lab = useLab()
const test = stories(lab)

test('a changed Secret, or an image from elsewhere, ends a hold', async ({ open }) => {
  const story = await open('mended')
  await story.addNode()
  const { namespace } = story

  const withSecret = async () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'pass' } }
    const created = { ...secret, stringData: { word: 'wrong' } }
    await lab.kube.create(secrets, created)
    const build = { ...tinyBuild('secret'), secrets: [{ name: 'pass' }] }
    await story.applyTiny('secret', [['grep', '-q', 'right', '/run/secrets/pass/word']], {
      mapping: { build },
    })
    await story.untilHeld('secret', 'BuildCommandFailed')
    await lab.kube.patch(secrets, { namespace, name: 'pass' }, { stringData: { word: 'right' } })
    await story.untilLoaded('secret')
    expect(await story.kernelStatus('secret')).toMatchObject({ attempt: 2 })
    expect(story.pods.builds('secret')).toHaveLength(2)
  }

  const fromElsewhere = async () => {
    await story.applyTiny('elsewhere', [['false']])
    await story.untilHeld('elsewhere', 'BuildCommandFailed')
    const { registry } = lab.state
    const repository = `${namespace}/elsewhere`
    await pushTestImage({ url: `http://${registry}` }, { repository, tag: kernel })
    await story.untilLoaded('elsewhere')
    const digest = await digestOf(registry, repository, kernel)
    expect(await story.kernelStatus('elsewhere')).toMatchObject({ digest, attempt: 1 })
    expect(story.pods.builds('elsewhere')).toMatchObject([{ gone: false }])
  }
  await Promise.all([withSecret(), fromElsewhere()])
})
