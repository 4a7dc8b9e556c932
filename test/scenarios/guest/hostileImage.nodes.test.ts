import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { loadNodeName } from '../../../lab/realNodes.ts'
import { firmwareHostPath } from '../../support/firmware.ts'
import { inTreeModule, pushInTreeModule } from '../../support/inTreeImage.ts'
import { useLoadKernel } from '../../support/loadNode.ts'
import { recordedOn } from '../../support/nodeRecord.ts'
import { stories } from '../../support/stories.ts'
import { useLab } from '../../support/testLab.ts'
import { expectWhy } from '../../support/why.ts'

/** Images whose content is an attack on the node. Each has firmware, so that the worker pod can write to the node. */
const lab = useLab()
const test = stories(lab)
const kernel = useLoadKernel(lab)

/** The guest does not load this one by itself: of a module that is loaded modprobe runs no command. */
const module = 'macvlan'

const trace = `${firmwareHostPath}/written-by-an-image`
const treeIn = (root: string) => join(root, 'opt/lib/modules', kernel.release)

/** What an image holds beside the module, and what is said of it. */
interface Attack {
  readonly name: string
  readonly reason: string
  readonly says: string
  readonly fill: (root: string) => Promise<unknown>
}

const attacks: readonly Attack[] = [
  {
    name: 'a command for modprobe in modules.softdep',
    reason: 'ModprobeConfigRefused',
    says: 'modules.softdep, line 2',
    fill: (root) =>
      writeFile(
        join(treeIn(root), 'modules.softdep'),
        `# Soft dependencies extracted from modules themselves.\ninstall ${module} touch ${trace}\n`,
      ),
  },
  {
    name: 'a command for modprobe behind a link to its firmware',
    reason: 'ModprobeConfigRefused',
    says: 'modules.softdep, line 1',
    fill: async (root) => {
      await writeFile(join(root, 'firmware/text'), `install ${module} touch ${trace}\n`)
      await rm(join(treeIn(root), 'modules.softdep'))
      await symlink('/kmm/firmware/text', join(treeIn(root), 'modules.softdep'))
    },
  },
  {
    name: 'a link of its firmware that leads out through another',
    reason: 'FirmwareNotCopied',
    says: 'link z -> y/y/y/y/../../../../c.yaml has ".."',
    fill: async (root) => {
      await symlink('.', join(root, 'firmware/y'))
      await symlink('y/y/y/y/../../../../c.yaml', join(root, 'firmware/z'))
    },
  },
  {
    name: 'a link of its firmware to the manifest of the loader',
    reason: 'FirmwareNotCopied',
    says: 'link sub -> .kmm leads to the files that the loader keeps',
    fill: (root) => symlink('.kmm', join(root, 'firmware/sub')),
  },
]

// One after the other: many pods at once take longer in an emulated machine.
describe('an image is refused before anything is touched', { concurrent: false }, () => {
  test.for(attacks)('that has $name', async ({ reason, says, fill }, { open }) => {
    const story = await open('hostile-image')
    const { namespace } = story
    const repository = `${lab.state.registry}/${namespace}/${module}`
    const image = await pushInTreeModule(`${repository}:1`, kernel.release, module, async (root) => {
      await mkdir(join(root, 'firmware'))
      await fill(root)
    })
    await story.apply(inTreeModule({ namespace, module, image, firmwarePath: '/firmware' }))
    const { message } = await story.untilCondition(module, { type: 'Ready', status: 'False', reason })
    expect(message).toContain(says)
    const { fact } = await recordedOn(lab, loadNodeName, { namespace, name: module })
    expect(fact).toMatchObject({ failure: { action: 'Load', reason } })
    expect(fact).not.toHaveProperty('firmwareHostPath')
    await expectWhy(story, module, { line: 'modprobe', reason })
    // Nothing of it, and of no other image either.
    const { output } = await lab.vm.console.run(
      `find ${firmwareHostPath} -type l -o -perm /7000 -o -name '*written*' 2>/dev/null`,
    )
    expect(output.trim()).toBe('')
  })
})
