import { describe, expect, test } from 'vitest'
import { loadCommand, softdep, unloadCommand } from './loadCommand.ts'

describe('nodes:WRK-6 load', () => {
  test.each([
    [{ moduleName: 'm', parameters: ['a=1'] }, 'modprobe -vd /opt m a=1'],
    [
      { moduleName: 'm', dirName: '/x y', args: { load: ['--ignore-install'] } },
      'modprobe -vd /x y --ignore-install m',
    ],
    [{ moduleName: 'm', dirName: '' }, 'modprobe -vd / m'],
    [{ moduleName: 'm', modulesLoadingOrder: ['m', 'n'] }, 'modprobe -vd /opt m'],
    [{ rawArgs: { load: ['-d', '/x', 'm'], unload: ['-r', 'm'] } }, 'modprobe -d /x m'],
    [{ moduleName: 'm', rawArgs: {} }, 'modprobe -vd /opt m'],
    [{ moduleName: 'm', rawArgs: { load: [] } }, 'modprobe -vd /opt m'],
  ])('%j', (modprobe, command) => {
    expect(loadCommand(modprobe).join(' ')).toBe(command)
  })

  test('a value with a space stays one argument', () => {
    expect(loadCommand({ moduleName: 'm', parameters: ['s=a b'] })).toEqual([
      'modprobe',
      '-vd',
      '/opt',
      'm',
      's=a b',
    ])
  })
})

describe('nodes:WRK-7 unload', () => {
  test.each([
    [{ moduleName: 'm', parameters: ['a=1'] }, 'modprobe -rvd /opt m'],
    [{ moduleName: 'm', modulesLoadingOrder: ['m', 'n'] }, 'modprobe -rvd /opt m n'],
    [{ moduleName: 'm', args: { unload: ['-q'] }, dirName: '/x' }, 'modprobe -rvd /x -q m'],
    [{ rawArgs: { load: ['m'], unload: ['-r', 'm'] } }, 'modprobe -r m'],
  ])('%j', (modprobe, command) => {
    expect(unloadCommand(modprobe).join(' ')).toBe(command)
  })
})

test('without a name and raw arguments there is no command', () => {
  expect(() => loadCommand({})).toThrow('moduleName, or rawArgs.load')
  expect(() => unloadCommand({ rawArgs: { load: ['m'] } })).toThrow('rawArgs.unload')
})

test.each([
  [['a', 'b', 'c'], 'softdep a pre: b\nsoftdep b pre: c\n'],
  [['a'], ''],
  [[], ''],
])('nodes:WPD-7 softdep of %j', (order, text) => {
  expect(softdep(order)).toBe(text)
})
