import { execFileSync } from 'node:child_process'
import { chmod, lstat, mkdir, readdir, readFile, realpath, rm, symlink, truncate } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { workerPaths } from '../../api/workerCommand.ts'
import { makeTestNode, testCommand, type TestNode } from '../testNode.ts'
import { checkFirmware, installFirmware, leaveFirmware } from './firmware.ts'
import { sourceLimits } from './source.ts'

/** Images that try to write outside the node's firmware directory, or more than firmware into it. */

const folder = '/deep/below/firmware'
let node: TestNode
beforeEach(async () => {
  node = await makeTestNode()
  await node.write(workerPaths.firmwareSearchPath, '\n')
  await mkdir(node.host.path(folder), { recursive: true })
  await node.write('/c.yaml', 'of the node')
})
afterEach(() => node.remove())

const inImage = (path: string) => `${workerPaths.firmware}/${path}`
const onNode = (path: string) => node.host.path(`${folder}/${path}`)
const link = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(node.host.path(path)), { recursive: true })
  await symlink(text, node.host.path(path))
}
const command = (owner: string) =>
  testCommand({ firmwarePath: '/firmware' }, { firmware: { owner, install: folder } })
/** The lock is another test's matter; a program for each run would take long. */
const host = () => ({ ...node.host, locked: <T>(_: string, work: () => Promise<T>) => work() })
const check = (owner = 'drivers/fpga') => checkFirmware(host(), command(owner))
const install = (owner = 'drivers/fpga') => installFirmware(host(), command(owner))
const leave = (owner = 'drivers/fpga') => leaveFirmware(host(), owner, folder)
const modeOf = async (path: string) => ((await lstat(onNode(path))).mode & 0o7777).toString(8)

describe('permissions', () => {
  it.each([
    ['6755', '755'],
    ['4644', '644'],
    ['2600', '644'],
    ['1777', '755'],
    ['444', '644'],
    ['100', '755'],
  ])('%s of the image are %s on the node', async (mode, expected) => {
    await node.write(inImage('acme/fw.bin'), 'x')
    await chmod(node.host.path(inImage('acme/fw.bin')), mode)
    await install()
    expect(await modeOf('acme/fw.bin')).toBe(expected)
    expect((await lstat(onNode('acme/fw.bin'))).uid).toBe(process.getuid?.())
  })

  it('of folders are 755, in a folder with setgid and with any umask', async () => {
    await chmod(node.host.path(folder), 0o2775)
    await node.write(inImage('a/b/fw.bin'), 'x')
    const umask = process.umask(0o077)
    try {
      await install()
    } finally {
      process.umask(umask)
    }
    expect([await modeOf('a'), await modeOf('a/b'), await modeOf('a/b/fw.bin')]).toEqual([
      '755',
      '755',
      '644',
    ])
  })

  it('that an older loader has kept are corrected by the next load', async () => {
    await node.write(inImage('fw.bin'), 'x')
    await install()
    await chmod(onNode('fw.bin'), 0o6755)
    await install()
    expect(await modeOf('fw.bin')).toBe('644')
  })

  it('of the distribution come back without setuid', async () => {
    await node.write(`${folder}/fw.bin`, 'distribution')
    await chmod(onNode('fw.bin'), 0o4750)
    await node.write(inImage('fw.bin'), 'x')
    await install()
    await leave()
    expect([await modeOf('fw.bin'), await readFile(onNode('fw.bin'), 'utf8')]).toEqual([
      '750',
      'distribution',
    ])
  })
})

describe('a link of the image is refused', () => {
  it.each<[string, string, () => Promise<unknown>]>([
    [
      'that leads out through another one',
      'has ".."',
      async () => {
        await link(inImage('y'), '.')
        await link(inImage('z'), 'y/y/y/y/../../../../c.yaml')
      },
    ],
    ['that leads out after what is not there', 'has ".."', () => link(inImage('z'), 'm/n/../../c.yaml')],
    ['that leads out directly', 'leads out', () => link(inImage('a/z'), '../../c.yaml')],
    [
      'that leads out where the node has the folder elsewhere',
      'leads out',
      async () => {
        await link(`${folder}/a`, '.')
        await link(inImage('a/z'), '../c.yaml')
      },
    ],
    [
      'that leads out through a link of the node',
      'leads out',
      async () => {
        await link(`${folder}/updates`, '../../..')
        await link(inImage('z'), 'updates/c.yaml')
      },
    ],
    ['to the loader’s own files', 'that the loader keeps', () => link(inImage('sub'), '.kmm')],
    ['to a file of the loader', 'that the loader keeps', () => link(inImage('a/m'), '../.kmm/manifest.json')],
    [
      'that leads around in a circle',
      'too many',
      async () => {
        await link(inImage('y'), 'z')
        await link(inImage('z'), 'y')
      },
    ],
  ])('%s', async (_, message, prepare) => {
    await prepare()
    const refusal = { reason: 'FirmwareNotCopied', message: expect.stringContaining(message) }
    await expect(check()).rejects.toMatchObject(refusal)
    await expect(install()).rejects.toMatchObject(refusal)
    expect(
      (await readdir(node.host.path(folder))).filter((name) => name !== 'a' && name !== 'updates'),
    ).toEqual([])
  })

  it('but not for ".." after a folder of the image', async () => {
    await node.write(inImage('sub/fw.bin'), 'x')
    await link(inImage('z'), 'sub/../sub/fw.bin')
    await link(inImage('sub/up'), './../sub/../z')
    await install()
    expect(await readFile(onNode('sub/up'), 'utf8')).toBe('x')
  })
})

it('no file gets into the loader’s own folder through a link that is there already', async () => {
  await node.write(inImage('other.bin'), 'x')
  await install('drivers/other')
  await link(`${folder}/sub`, '.kmm')
  await node.write(inImage('sub/manifest.json'), '{"version":1,"files":{},"folders":[]}')
  const manifest = await readFile(onNode('.kmm/manifest.json'), 'utf8')
  const refusal = { reason: 'FirmwareNotCopied', message: expect.stringContaining('keeps its own files') }
  await expect(install()).rejects.toMatchObject(refusal)
  expect(await readFile(onNode('.kmm/manifest.json'), 'utf8')).toBe(manifest)
})

describe('more than firmware', () => {
  const refusal = (message: string) => ({
    reason: 'FirmwareNotCopied',
    message: expect.stringContaining(message),
  })

  it('is refused by its bytes, those of holes too', async () => {
    await node.write(inImage('a.bin'), '')
    await truncate(node.host.path(inImage('a.bin')), sourceLimits.bytes + 1)
    await expect(check()).rejects.toMatchObject(refusal(`more than ${sourceLimits.bytes} bytes`))
  })

  it('is refused by its depth', async () => {
    await node.write(inImage(`${'a/'.repeat(sourceLimits.depth + 1)}fw.bin`), '')
    await expect(check()).rejects.toMatchObject(refusal('folders in one another'))
  })

  it('is refused when it is a pipe', async () => {
    await node.write(inImage('a.bin'), '')
    execFileSync('mkfifo', [node.host.path(inImage('pipe'))])
    await expect(check()).rejects.toMatchObject(refusal('neither a file'))
  })
})

describe('a manifest', () => {
  const digest = `sha256:${'0'.repeat(64)}`
  const file = { content: digest, owners: ['drivers/fpga'] }

  it.each<[string, object]>([
    ['files["../../../c.yaml"]', { files: { '../../../c.yaml': file } }],
    ['files[".kmm/new"]', { files: { '.kmm/new': file } }],
    ['.content', { files: { a: { ...file, content: 'sha256:../../../../../c.yaml' } } }],
    ['.was', { files: { a: { ...file, was: `${digest}/../../c.yaml` } } }],
    ['folders', { folders: ['a/../../..'] }],
    ['searchPath', { searchPath: { set: '/a' } }],
  ])('whose %s leads elsewhere is not used', async (field, change) => {
    const text = JSON.stringify({ version: 1, files: {}, folders: [], ...change })
    await node.write(`${folder}/.kmm/manifest.json`, text)
    await expect(leave()).rejects.toThrow(`${field} is not as this loader writes it`)
    expect(await readFile(node.host.path('/c.yaml'), 'utf8')).toBe('of the node')
  })

  it('is not followed through a link that stands where a folder was', async () => {
    await node.write(inImage('sub/c.yaml'), 'x')
    await install()
    await rm(onNode('sub'), { recursive: true })
    await node.write('/elsewhere/c.yaml', 'x')
    await link(`${folder}/sub`, '../../../elsewhere')
    expect(await leave()).toEqual(['sub/c.yaml'])
    expect(await readFile(node.host.path('/elsewhere/c.yaml'), 'utf8')).toBe('x')
  })
})

const names = ['a', 'b', 'c']
const link$ = fc.record({
  path: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
  text: fc.array(fc.constantFrom(...names, '..', '..', '.'), { minLength: 1, maxLength: 6 }),
})
const image$ = fc.array(link$, { maxLength: 5 })

it('whatever images come and go, no link on the node leads out', { timeout: 60_000 }, async () => {
  // What leads out finds something, as the folders above have the same names.
  for (const above of ['/deep/below', '/deep', ''])
    for (const name of names) await node.write(`${above}/${name}/${name}/x`, '')
  const root = node.host.path(folder)
  const put = async (image: readonly { path: string[]; text: string[] }[]): Promise<void> => {
    await rm(node.host.path(workerPaths.firmware), { recursive: true, force: true })
    await mkdir(node.host.path(workerPaths.firmware), { recursive: true })
    for (const { path, text } of image) {
      const at = inImage(path.join('/'))
      // What is there already is one or the other: a folder or a link.
      await link(at, text.join('/')).catch(() => undefined)
    }
  }
  await fc.assert(
    fc.asyncProperty(image$, image$, image$, async (...images) => {
      for (const [index, image] of images.entries()) {
        await put(image)
        await install(`drivers/${index}`).catch(() => undefined)
        if (index === 1) await leave('drivers/0')
        for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
          if (!entry.isSymbolicLink()) continue
          const real = await realpath(join(entry.parentPath, entry.name)).catch(() => root)
          expect(`${real}/`.startsWith(`${root}/`) && !real.startsWith(`${root}/.kmm`)).toBe(true)
        }
      }
      for (const index of images.keys()) await leave(`drivers/${index}`)
      expect(await readdir(root)).toEqual([])
    }),
    { numRuns: 150 },
  )
})
