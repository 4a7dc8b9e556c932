import { execFileSync } from 'node:child_process'
import { mkdir, rm, symlink, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { workerPaths } from '../api/workerCommand.ts'
import { checkModprobeConfig } from './modprobeConfig.ts'
import { makeTestNode, testCommand, testKernel, type TestNode } from './testNode.ts'

let node: TestNode
beforeEach(async () => {
  node = await makeTestNode()
})
afterEach(() => node.remove())

const tree = `/opt/lib/modules/${testKernel}`
const softdep = `${tree}/modules.softdep`
const check = () => checkModprobeConfig(node.host, testCommand())
const link = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(node.host.path(path)), { recursive: true })
  await symlink(text, node.host.path(path))
}
/** The texts in this order, with anything between them. */
const refusal = (...texts: readonly string[]) => ({
  reason: 'ModprobeConfigRefused',
  message: expect.toSatisfy((message: string) => {
    let at = 0
    return texts.every((text) => (at = message.indexOf(text, at)) >= 0)
  }),
})

describe('what modprobe would read of an image', () => {
  it.each([
    ['nothing', ''],
    [
      'what depmod writes',
      '# Soft dependencies extracted from modules themselves.\nsoftdep a pre: b c post: d\n',
    ],
    [
      'dependencies of the distribution that name neither pre nor post',
      'softdep cifs gcm\nsoftdep cifs aead2\n',
    ],
    ['lines of another system', 'softdep a pre: b\r\n\r\n# acme\r\n'],
    ['weak dependencies', 'weakdep a b\n'],
    ['spaces and no end of the last line', ' \t\n\tsoftdep\ta  pre: b'],
    ['a backslash within a comment', '# C:\\acme, Ünïcode\n'],
  ])('is taken: %s', async (_, text) => {
    await node.write(softdep, text)
    await expect(check()).resolves.toBeUndefined()
  })

  it.each([
    ['install a /bin/sh -c id', 1],
    ['remove a /bin/sh', 1],
    ['options a debug=1', 1],
    ['alias x a', 1],
    ['blacklist a', 1],
    ['softdep a pre: b\n\n  install\ta id', 3],
    ['# a comment that goes on \\\ninstall a id', 1],
    ['softdep a \\\npre: b', 1],
    ['soft\\dep a pre: b', 1],
    ['softdep a\0\ninstall a id', 1],
    ['softdep', 1],
    [' # no comment for modprobe', 1],
    ['softdepinstall a', 1],
  ])('is refused: %j', async (text, line) => {
    await node.write(softdep, text)
    await expect(check()).rejects.toMatchObject(refusal(`${softdep}, line ${line}:`, 'depmod writes'))
  })

  it('shows no more of a line than a message can hold', async () => {
    await node.write(softdep, `install a ${'x'.repeat(10_000)}`)
    const { message } = await check().then(
      () => ({ message: '' }),
      (error: Error) => error,
    )
    expect(message.length).toBeLessThan(500)
  })

  it('is refused in modules.weakdep, in any folder of the image and in its firmware', async () => {
    for (const path of [
      `${tree}/modules.weakdep`,
      `${tree}/deep/lib/modules/${testKernel}/modules.softdep`,
      `${workerPaths.firmware}/lib/modules/${testKernel}/modules.softdep`,
    ]) {
      await node.write(path, 'install a id')
      await expect(check()).rejects.toMatchObject(refusal(`${path}, line 1`))
      await rm(node.host.path(path))
    }
  })

  it('is refused in the order of the Module’s own modules', async () => {
    await node.write('/etc/modprobe.d/..data/softdep.conf', 'softdep a pre: b\ninstall a id\n')
    await link('/etc/modprobe.d/softdep.conf', '..data/softdep.conf')
    await expect(check()).rejects.toMatchObject(refusal('/etc/modprobe.d/softdep.conf, line 2'))
  })

  it('is refused when there are too many of them to be read', async () => {
    for (let count = 0; count <= 100; count++) await node.write(`${tree}/${count}/modules.softdep`, '')
    await expect(check()).rejects.toMatchObject(refusal('more than 100 files'))
  })

  it('is refused when it is too large, and when it is no file', async () => {
    await node.write(softdep, '')
    await truncate(node.host.path(softdep), 1024 * 1024 + 1)
    await expect(check()).rejects.toMatchObject(refusal('1048577 bytes'))
    await rm(node.host.path(softdep))
    execFileSync('mkfifo', [node.host.path(softdep)])
    await expect(check()).rejects.toMatchObject(refusal('is not a file'))
  })
})

describe('a link', () => {
  const evil = 'install a id\n'

  it.each([`/host/lib/modules/${testKernel}/modules.softdep`, `host/modules.softdep`])(
    'to the node’s own file is the node’s matter: %s',
    async (text) => {
      await link(`${tree}/host`, `/host/lib/modules/${testKernel}`)
      await node.write(`/host/lib/modules/${testKernel}/modules.softdep`, evil)
      await link(softdep, text)
      await expect(check()).resolves.toBeUndefined()
    },
  )

  it('to a file of the image is that file', async () => {
    await node.write(`${tree}/other`, evil)
    await link(softdep, 'other')
    await expect(check()).rejects.toMatchObject(refusal('modules.softdep, line 1'))
    await node.write(`${tree}/other`, 'softdep a pre: b\n')
    await expect(check()).resolves.toBeUndefined()
  })

  it('to a file of the image below the node’s folder is that file', async () => {
    const below = `/lib/modules/${testKernel}`
    await node.write(`${below}/other`, evil)
    await link(`${below}/modules.softdep`, `/lib/modules/${testKernel}/other`)
    await expect(checkModprobeConfig(node.host, testCommand({ dirName: '' }))).rejects.toMatchObject(
      refusal('modules.softdep, line 1'),
    )
  })

  it.each([
    ['to what firmware may become', '/lib/firmware/text', 'neither in the image'],
    ['to the command of the pod', workerPaths.command, 'neither in the image'],
    ['out of the node’s folder', `/host/lib/modules/../../../etc/text`, 'link to /etc/text'],
    ['to itself', 'modules.softdep', 'too many'],
  ])('%s is refused, whether anything is there or not', async (_, text, message) => {
    await mkdir(node.host.path('/host/lib/modules'), { recursive: true })
    await link(softdep, text)
    await expect(check()).rejects.toMatchObject(refusal(message))
  })
})

/** Lines as `freadline_wrapped` of kmod reads them, up to a NUL. */
function linesOfKmod(text: string): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    if (text[at] === '\n' && text[at - 1] === '\\') continue
    if (text[at] === '\n') {
      lines.push(line)
      line = ''
    } else line += text[at] ?? ''
  }
  return [...lines, line].map((each) => each.split('\0')[0] ?? '')
}

it('lets nothing through that modprobe would obey', async () => {
  const pieces = [
    'install',
    'remove',
    'softdep',
    'weakdep',
    'options',
    ' ',
    '\t',
    '\n',
    '\\',
    '\0',
    '#',
    '\r',
    'a',
  ]
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...pieces), { maxLength: 16 }), async (parts) => {
      const text = parts.join('')
      await node.write(softdep, text)
      const isTaken = await check().then(
        () => true,
        () => false,
      )
      if (!isTaken) return
      for (const line of linesOfKmod(text)) {
        if (line.startsWith('#')) continue
        const [keyword = ''] = line.split(/[ \t]/).filter((word) => word !== '')
        expect(['', '\r', 'softdep', 'weakdep']).toContain(keyword)
      }
    }),
    { numRuns: 500 },
  )
})
