import { stories } from '../support/stories.ts'
import { useLab } from '../support/testLab.ts'
import { dockerfile, tinyModule } from '../support/tinyModule.ts'

const lab = useLab()
const test = stories(lab)
const name = 'tiny'

/** Each is an argument list of busybox; a build fails with the first that does. */
const commands: readonly (readonly string[])[] = [
  // The profile of the runtime is in force, and these are all capabilities that a command can ever have.
  ['grep', '-q', '^Seccomp:[[:space:]]*2$', '/proc/self/status'],
  ['grep', '-qi', '^CapBnd:[[:space:]]*00000000a00400fb$', '/proc/self/status'],
  ['sh', '-c', '! /bin/busybox mknod /node c 1 3'],
  // What package managers do.
  ['sh', '-c', '/bin/busybox touch /file && /bin/busybox chown 12:34 /file && /bin/busybox chmod 2640 /file'],
  ['sh', '-c', '[ "$(/bin/busybox stat -c %u:%g:%a /file)" = 12:34:2640 ] && /bin/busybox cat /file'],
  ['chroot', '/', '/bin/busybox', 'true'],
  ['sh', '-c', '/bin/busybox sleep 60 & /bin/busybox kill $!'],
]

test('a build has the rights that it needs, and no others', async ({ open }) => {
  const story = await open('rights')
  const { namespace, base } = story
  await story.addNode()
  const run = (command: readonly string[]) => `RUN ${JSON.stringify(['/bin/busybox', ...command])}`
  const asUser = ['USER 1000:1000', run(['sh', '-c', '[ "$(/bin/busybox id -u)" = 1000 ]']), 'USER 0:0']
  const lines = [`FROM ${base}`, ...commands.map(run), ...asUser]
  await story.apply(dockerfile(namespace, name, `${lines.join('\n')}\n`))
  await story.apply(tinyModule({ namespace, name, registry: lab.state.registry }))
  await story.untilLoaded(name)
})
