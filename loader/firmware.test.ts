import { mkdir, readdir, readFile, readlink, symlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { workerPaths } from '../api/workerCommand.ts'
import { copyFirmware } from './firmware.ts'
import { makeTestNode, testCommand, type TestNode } from './testNode.ts'

let node: TestNode
beforeEach(async () => {
  node = await makeTestNode()
  await node.write(`${workerPaths.firmware}/acme/fw.bin`, 'new')
})
afterEach(() => node.remove())

const command = (firmwareHostPath?: string) =>
  testCommand({ firmwarePath: '/firmware' }, firmwareHostPath === undefined ? {} : { firmwareHostPath })
const link = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(node.host.path(path)), { recursive: true })
  await symlink(text, node.host.path(path))
}

describe('copyFirmware', () => {
  it('copies folders, files and links, over what is there, any number of times', async () => {
    await node.write('/lib/firmware/acme/fw.bin', 'old')
    await node.write('/lib/firmware/other.bin', 'other')
    await link(`${workerPaths.firmware}/acme/fw-latest.bin`, 'fw.bin')
    await link(`${workerPaths.firmware}/acme-latest`, 'acme')
    await copyFirmware(node.host, command('/lib/firmware'))
    await copyFirmware(node.host, command('/lib/firmware'))
    expect(await readFile(node.host.path('/lib/firmware/acme/fw.bin'), 'utf8')).toBe('new')
    expect(await readlink(node.host.path('/lib/firmware/acme/fw-latest.bin'))).toBe('fw.bin')
    expect(await readlink(node.host.path('/lib/firmware/acme-latest'))).toBe('acme')
    expect((await readdir(node.host.path('/lib/firmware'))).toSorted()).toEqual([
      'acme',
      'acme-latest',
      'other.bin',
    ])
    expect((await readdir(node.host.path('/lib/firmware/acme'))).toSorted()).toEqual([
      'fw-latest.bin',
      'fw.bin',
    ])
  })

  it('does nothing for a Module without firmware', async () => {
    await copyFirmware(node.host, testCommand({}, { firmwareHostPath: '/lib/firmware' }))
    await expect(readdir(node.host.path('/lib/firmware'))).rejects.toThrow('ENOENT')
  })

  it('tells the kernel of a directory that is not its own', async () => {
    const parameter = '/sys/module/firmware_class/parameters/path'
    await node.write(parameter, '\n')
    await copyFirmware(node.host, command('/var/lib/firmware'))
    expect(await readFile(node.host.path(parameter), 'utf8')).toBe('/var/lib/firmware')
  })

  it.each([
    ['an absolute link', () => link(`${workerPaths.firmware}/l`, '/etc/shadow'), 'leads out of the image'],
    [
      'a link that climbs out',
      () => link(`${workerPaths.firmware}/acme/l`, '../../../etc'),
      'leads out of the image',
    ],
    [
      'a link on the node that leads away',
      () => link('/lib/firmware/acme', node.host.path('/etc')),
      'through a link on the node',
    ],
  ])('refuses %s', async (_, prepare, message) => {
    await node.write('/etc/passwd', '')
    await prepare()
    await expect(copyFirmware(node.host, command('/lib/firmware'))).rejects.toMatchObject({
      reason: 'FirmwareNotCopied',
      message: expect.stringContaining(message),
    })
    expect(await readdir(node.host.path('/etc'))).toEqual(['passwd'])
  })

  it('names the setting that is missing', async () => {
    await expect(copyFirmware(node.host, command())).rejects.toMatchObject({
      reason: 'FirmwareNotCopied',
      message: expect.stringContaining('worker.firmwareHostPath'),
    })
  })
})
