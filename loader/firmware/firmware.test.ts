import { chmod, mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { workerPaths } from '../../api/workerCommand.ts'
import { makeTestNode, testCommand, type TestNode } from '../testNode.ts'
import { checkFirmware, installFirmware, leaveFirmware } from './firmware.ts'

let node: TestNode
beforeEach(async () => {
  node = await makeTestNode()
  await mkdir(node.host.path('/lib/firmware'), { recursive: true })
  await node.write(`${workerPaths.firmware}/acme/fw.bin`, 'new')
})
afterEach(() => node.remove())

const command = (install = '/lib/firmware', owner = 'drivers/fpga') =>
  testCommand({ firmwarePath: '/firmware' }, { firmware: { owner, install } })
const install = (owner?: string) => installFirmware(node.host, command(undefined, owner))
const leave = (owner = 'drivers/fpga') => leaveFirmware(node.host, owner, '/lib/firmware')
const link = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(node.host.path(path)), { recursive: true })
  await symlink(text, node.host.path(path))
}
const remove = (path: string) => rm(node.host.path(path), { recursive: true })
const text = (path: string) => readFile(node.host.path(path), 'utf8')

/** Everything under the firmware directory but the loader's own: text of files, `-> text` of links. */
async function firmware(of = '/lib/firmware'): Promise<Record<string, string>> {
  const root = node.host.path(of)
  const found: Record<string, string> = {}
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = path.slice(root.length + 1)
    if (name === '.kmm' || name.startsWith('.kmm/')) continue
    if (entry.isFile()) found[name] = await readFile(path, 'utf8')
    else found[name] = entry.isSymbolicLink() ? `-> ${await readlink(path)}` : 'folder'
  }
  return found
}
const store = () => readdir(node.host.path('/lib/firmware/.kmm')).catch(() => 'none')

describe('a Module’s firmware', () => {
  it('comes with its folders and links, any number of times, and goes without a trace', async () => {
    await node.write('/lib/firmware/other.bin', 'other')
    await link(`${workerPaths.firmware}/acme/fw-latest.bin`, 'fw.bin')
    await link(`${workerPaths.firmware}/acme-latest`, 'acme')
    for (let round = 0; round < 2; round++) {
      expect(await install()).toBe('/lib/firmware')
      expect(await firmware()).toEqual({
        acme: 'folder',
        'acme/fw.bin': 'new',
        'acme/fw-latest.bin': '-> fw.bin',
        'acme-latest': '-> acme',
        'other.bin': 'other',
      })
    }
    expect(await leave()).toEqual([])
    expect(await firmware()).toEqual({ 'other.bin': 'other' })
    expect(await store()).toBe('none')
  })

  it('is nothing for a Module without firmware', async () => {
    expect(await installFirmware(node.host, testCommand())).toBeUndefined()
    expect(await store()).toBe('none')
  })

  it('loses what the next image has no more', async () => {
    await node.write(`${workerPaths.firmware}/old/fw.bin`, 'old')
    await install()
    await remove(`${workerPaths.firmware}/old`)
    await install()
    expect(await firmware()).toEqual({ acme: 'folder', 'acme/fw.bin': 'new' })
  })

  it('follows links of the node’s folders', async () => {
    await mkdir(node.host.path('/lib/firmware/vendor'))
    await link('/lib/firmware/acme', 'vendor')
    await install()
    expect(await firmware()).toEqual({ acme: '-> vendor', vendor: 'folder', 'vendor/fw.bin': 'new' })
    await leave()
    expect(await firmware()).toEqual({ acme: '-> vendor', vendor: 'folder' })
  })
})

describe('firmware of the distribution', () => {
  it('gives way, and comes back as it was', async () => {
    await node.write('/lib/firmware/acme/fw.bin', 'distribution')
    await chmod(node.host.path('/lib/firmware/acme/fw.bin'), 0o640)
    await link('/lib/firmware/link.bin', 'acme/fw.bin')
    await node.write(`${workerPaths.firmware}/link.bin`, 'ours')
    const before = await firmware()
    await install()
    await install()
    expect(await firmware()).toMatchObject({ 'acme/fw.bin': 'new', 'link.bin': 'ours' })
    await leave()
    expect(await firmware()).toEqual(before)
    expect((await stat(node.host.path('/lib/firmware/acme/fw.bin'))).mode & 0o777).toBe(0o640)
  })

  it('stays when it is the same', async () => {
    await node.write('/lib/firmware/acme/fw.bin', 'new')
    await install()
    await leave()
    expect(await firmware()).toEqual({ acme: 'folder', 'acme/fw.bin': 'new' })
    expect(await store()).toBe('none')
  })

  it('that was renewed meanwhile stays at the end, and the list says so', async () => {
    await install()
    await writeFile(node.host.path('/lib/firmware/acme/fw.bin'), 'renewed')
    expect(await leave()).toEqual(['acme/fw.bin'])
    expect(await firmware()).toEqual({ acme: 'folder', 'acme/fw.bin': 'renewed' })
    expect(await store()).toBe('none')
  })

  it('that was renewed meanwhile gives way again at the next load, and comes back renewed', async () => {
    await node.write('/lib/firmware/acme/fw.bin', 'distribution')
    await install()
    await writeFile(node.host.path('/lib/firmware/acme/fw.bin'), 'renewed')
    await install()
    expect(await firmware()).toMatchObject({ 'acme/fw.bin': 'new' })
    expect(await leave()).toEqual([])
    expect(await firmware()).toEqual({ acme: 'folder', 'acme/fw.bin': 'renewed' })
  })
})

describe('two Modules', () => {
  it('share a file with the same content until the last one goes', async () => {
    await node.write('/lib/firmware/acme/fw.bin', 'distribution')
    await install('drivers/a')
    await install('drivers/b')
    await leave('drivers/a')
    expect(await firmware()).toMatchObject({ 'acme/fw.bin': 'new' })
    await leave('drivers/b')
    expect(await firmware()).toMatchObject({ 'acme/fw.bin': 'distribution' })
  })

  it('do not replace each other’s file, and the message names the other', async () => {
    await install('drivers/a')
    await node.write(`${workerPaths.firmware}/acme/fw.bin`, 'other')
    const refusal = {
      reason: 'FirmwareConflict',
      message: expect.stringMatching(/acme\/fw\.bin.*drivers\/a/),
    }
    await expect(checkFirmware(node.host, command(undefined, 'drivers/b'))).rejects.toMatchObject(refusal)
    await expect(install('drivers/b')).rejects.toMatchObject(refusal)
    expect(await firmware()).toMatchObject({ 'acme/fw.bin': 'new' })
    await leave('drivers/a')
    await install('drivers/b')
    expect(await firmware()).toMatchObject({ 'acme/fw.bin': 'other' })
  })

  it('take turns', { timeout: 60_000 }, async () => {
    const owners = Array.from({ length: 6 }, (_, index) => `drivers/${index}`)
    await Promise.all(owners.map(install))
    const { files } = JSON.parse(await text('/lib/firmware/.kmm/manifest.json'))
    expect(files['acme/fw.bin'].owners.toSorted()).toEqual(owners)
    await Promise.all(owners.map(leave))
    expect(await firmware()).toEqual({})
    expect(await store()).toBe('none')
  })
})

describe('the kernel’s search path', () => {
  const parameter = workerPaths.firmwareSearchPath
  beforeEach(() => mkdir(node.host.path('/var/lib/firmware'), { recursive: true }))
  const elsewhere = (owner?: string) => installFirmware(node.host, command('/var/lib/firmware', owner))
  const leaveIt = (owner = 'drivers/fpga') => leaveFirmware(node.host, owner, '/var/lib/firmware')

  it.each([
    ['\n', '\0'],
    ['/opt/firmware\n', '/opt/firmware'],
  ])('was %j, is set, and goes back with the last Module', async (before, after) => {
    await node.write(parameter, before)
    await elsewhere('drivers/a')
    await elsewhere('drivers/b')
    expect(await text(parameter)).toBe('/var/lib/firmware')
    await leaveIt('drivers/a')
    expect(await text(parameter)).toBe('/var/lib/firmware')
    await leaveIt('drivers/b')
    expect(await text(parameter)).toBe(after)
  })

  it('that somebody set meanwhile stays', async () => {
    await node.write(parameter, '\n')
    await elsewhere()
    await node.write(parameter, '/theirs\n')
    await leaveIt()
    expect(await text(parameter)).toBe('/theirs\n')
  })

  it('is set again after a reboot', async () => {
    await node.write(parameter, '\n')
    await elsewhere()
    await node.write(parameter, '\n')
    await elsewhere()
    expect(await text(parameter)).toBe('/var/lib/firmware')
  })

  it('is not touched for a directory that the kernel knows', async () => {
    await install()
    await leave()
    await expect(text(parameter)).rejects.toThrow('ENOENT')
  })
})

describe('refused before anything is touched', () => {
  it.each<[string, string, string, () => Promise<unknown>]>([
    [
      'an absolute link',
      'FirmwareNotCopied',
      'leads out of the firmware directory',
      () => link(`${workerPaths.firmware}/l`, '/etc/shadow'),
    ],
    [
      'a link that climbs out',
      'FirmwareNotCopied',
      'leads out of the firmware directory',
      () => link(`${workerPaths.firmware}/acme/l`, '../../../etc'),
    ],
    [
      'a link on the node that leads away',
      'FirmwareNotCopied',
      'through a link on the node',
      () => link('/lib/firmware/acme', node.host.path('/etc')),
    ],
    [
      'a file where the node has a folder',
      'FirmwareConflict',
      'a folder on the node',
      () => mkdir(node.host.path('/lib/firmware/acme/fw.bin'), { recursive: true }),
    ],
    [
      'a folder where the node has a file',
      'FirmwareConflict',
      'none on the node',
      () => node.write('/lib/firmware/acme', ''),
    ],
    [
      'the name of the loader’s own folder',
      'FirmwareNotCopied',
      'keeps its own files',
      () => node.write(`${workerPaths.firmware}/.kmm/manifest.json`, '{}'),
    ],
    [
      'a manifest nobody understands',
      'FirmwareNotCopied',
      'not a manifest',
      () => node.write('/lib/firmware/.kmm/manifest.json', '{"version":2}'),
    ],
  ])('%s', async (_, reason, message, prepare) => {
    await node.write('/etc/passwd', '')
    await prepare()
    const before = await firmware()
    const refusal = { reason, message: expect.stringContaining(message) }
    await expect(checkFirmware(node.host, command())).rejects.toMatchObject(refusal)
    await expect(install()).rejects.toMatchObject(refusal)
    expect(await firmware()).toEqual(before)
    expect(await readdir(node.host.path('/etc'))).toEqual(['passwd'])
  })

  it('a Module with firmware when the operator has no directory for it', async () => {
    await expect(checkFirmware(node.host, testCommand({ firmwarePath: '/firmware' }))).rejects.toMatchObject({
      reason: 'FirmwareNotCopied',
      message: expect.stringContaining('worker.firmwareHostPath'),
    })
  })
})
