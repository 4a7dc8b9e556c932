import { describe, expect, it } from 'vitest'
import { parseWorkerCommand } from './workerCommand.ts'

const complete = {
  action: 'Load',
  bootId: 'b',
  kernel: '6.1.0+',
  config: {
    kernelVersion: '6.1.0+',
    containerImage: 'r/i:1',
    inTreeModulesToRemove: ['dummy'],
    modprobe: {
      moduleName: 'm',
      parameters: ['a=1'],
      dirName: '/usr',
      args: { load: ['-f'] },
      rawArgs: { load: ['x'], unload: ['y'] },
      firmwarePath: '/firmware',
      modulesLoadingOrder: ['m', 'n'],
    },
  },
  firmware: { owner: 'drivers/fpga', install: '/var/lib/firmware', leave: '/lib/firmware' },
}
const withModprobe = (modprobe: unknown) => ({ ...complete, config: { ...complete.config, modprobe } })
const read = (value: unknown) => parseWorkerCommand(JSON.stringify(value))

describe('parseWorkerCommand', () => {
  it('keeps every field', () => {
    expect(read(complete)).toEqual(complete)
  })

  it('ignores fields of a config that are not for the loader', () => {
    expect(read({ ...complete, config: { ...complete.config, insecurePull: false } })).toEqual(complete)
  })

  it('takes /opt when there is no directory, and the root when it is empty', () => {
    expect(read(withModprobe({ moduleName: 'm' })).config.modprobe.dirName).toBe('/opt')
    expect(read(withModprobe({ dirName: '' })).config.modprobe.dirName).toBe('')
  })

  it('takes an empty firmware path for none', () => {
    expect(read(withModprobe({ firmwarePath: '' })).config.modprobe).not.toHaveProperty('firmwarePath')
  })

  it.each([
    [[], 'the command: must be an object'],
    [{ ...complete, action: 'Reload' }, 'action: must be Load or Unload'],
    [{ ...complete, bootId: undefined }, 'bootId: must be a string'],
    [{ ...complete, kernel: '../6.1' }, 'kernel: must be a kernel release'],
    [{ ...complete, kernel: '..' }, 'kernel: must be a kernel release'],
    [{ ...complete, config: 'x' }, 'config: must be an object'],
    [withModprobe(null), 'config.modprobe: must be an object'],
    [withModprobe({ dirName: 'opt' }), 'config.modprobe.dirName: must be an absolute path without ".."'],
    [withModprobe({ firmwarePath: '/a/../b' }), 'config.modprobe.firmwarePath: must be an absolute path'],
    [withModprobe({ parameters: 'a=1' }), 'config.modprobe.parameters: must be a list of strings'],
    [withModprobe({ parameters: ['a', 1] }), 'config.modprobe.parameters[1]: must be a string'],
    [withModprobe({ args: { load: [1] } }), 'config.modprobe.args.load[0]: must be a string'],
    [withModprobe({ firmwarePath: '/' }), 'config.modprobe.firmwarePath: must be an absolute path'],
    [{ ...complete, firmware: { install: '/a' } }, 'firmware.owner: must be a string'],
    [{ ...complete, firmware: { owner: 'o', install: 'x' } }, 'firmware.install: must be an absolute path'],
    [{ ...complete, firmware: { owner: 'o', leave: '//' } }, 'firmware.leave: must be an absolute path'],
  ])('refuses %j', (value, message) => {
    expect(() => read(value)).toThrow(message)
  })
})
