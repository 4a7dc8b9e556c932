import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCommand } from './runCommand.ts'
import { makeTestNode, testBootId, testCommand, testKernel, type TestNode } from './testNode.ts'

let node: TestNode
beforeEach(async () => {
  node = await makeTestNode()
})
afterEach(() => node.remove())

const line = (name: string, flags = ' (OE)'): string => `${name} 16384 0 - Live 0x0000000000000000${flags}\n`

describe('load', () => {
  it('runs modprobe and reports the line of the module', async () => {
    await node.answer({ prints: 'insmod /opt/a.ko', modules: line('kmm_ci_a') })
    expect(await runCommand(node.host, testCommand({ parameters: ['greeting=hi'] }))).toEqual({
      action: 'Load',
      bootId: testBootId,
      kernel: testKernel,
      command: ['modprobe', '-vd', '/opt', 'kmm_ci_a', 'greeting=hi'],
      exitStatus: 0,
      output: 'insmod /opt/a.ko',
      lsmod: line('kmm_ci_a').trim(),
    })
    expect(await node.calls()).toEqual(['modprobe -vd /opt kmm_ci_a greeting=hi'])
  })

  it.each([
    ['another boot', { bootId: 'other' }, 'rebooted'],
    ['another kernel', { kernel: '6.1.0-56-amd64' }, 'runs kernel 6.1.0-50-amd64'],
  ])('is obsolete on %s and touches nothing', async (_, changes, message) => {
    const result = await runCommand(node.host, testCommand({}, changes))
    expect(result).toMatchObject({ reason: 'Obsolete', exitStatus: 0, command: [] })
    expect(result.message).toContain(message)
    expect(await node.calls()).toEqual([])
  })

  it('names the missing tree and the image', async () => {
    const result = await runCommand(node.host, testCommand({ dirName: '/elsewhere' }))
    expect(result).toMatchObject({ reason: 'NoModulesForKernel', exitStatus: 1 })
    expect(result.message).toContain(`/elsewhere/lib/modules/${testKernel}`)
    expect(result.message).toContain('registry.example/kmm-ci:1')
  })

  it('names the missing modules.dep, but not when rawArgs point elsewhere', async () => {
    // modprobe does not read the text.
    await node.write(`/img/lib/modules/${testKernel}/modules.dep`, 'kmm_ci_a.ko:\n')
    const withName = await runCommand(node.host, testCommand({ dirName: '/img' }))
    expect(withName.reason).toBe('DepmodMissing')
    expect(await node.calls()).toEqual([])
    const raw = await runCommand(
      node.host,
      testCommand({ dirName: '/img', moduleName: '', rawArgs: { load: ['-d', '/x', 'm'], unload: ['m'] } }),
    )
    expect(raw.reason).toBeUndefined()
    expect(await node.calls()).toEqual(['modprobe -d /x m'])
  })

  it.each(['Load', 'Unload'] as const)(
    'touches nothing for an image that gives modprobe commands: %s',
    async (action) => {
      await node.write('/proc/modules', line('kmm_ci_a') + line('dummy'))
      await node.write(`/opt/lib/modules/${testKernel}/modules.softdep`, 'remove kmm_ci_a id\n')
      for (const rawArgs of [undefined, { load: ['-d', '/opt', 'm'], unload: ['-rd', '/opt', 'm'] }]) {
        const command = testCommand(rawArgs && { rawArgs }, { action, inTreeModulesToRemove: ['dummy'] })
        expect(await runCommand(node.host, command)).toMatchObject({
          reason: 'ModprobeConfigRefused',
          exitStatus: 1,
        })
      }
      expect(await node.calls()).toEqual([])
    },
  )

  it.each([
    ['6.1.0-56-amd64 SMP preempt mod_unload ', 'VermagicMismatch'],
    ['6.1.0-56-amd64 SMP preempt mod_unload modversions ', undefined],
    [`${testKernel} SMP preempt mod_unload `, undefined],
  ])('compares vermagic %j as the kernel does', async (vermagic, reason) => {
    await node.describe('kmm_ci_a', { filename: `/opt/lib/modules/${testKernel}/kmm_ci_a.ko`, vermagic })
    const result = await runCommand(node.host, testCommand())
    expect(result.reason).toBe(reason)
    expect(await node.calls()).toHaveLength(reason === undefined ? 1 : 0)
  })

  it('looks at every module of the loading order', async () => {
    await node.describe('kmm_ci_b', { filename: '/x/b.ko', vermagic: '5.10.0 SMP ' })
    const result = await runCommand(node.host, testCommand({ modulesLoadingOrder: ['kmm_ci_a', 'kmm_ci_b'] }))
    expect(result).toMatchObject({ reason: 'VermagicMismatch', message: expect.stringContaining('kmm_ci_b') })
  })

  it('does not believe a modprobe that loaded nothing', async () => {
    await node.answer({ modules: line('loop') })
    expect(await runCommand(node.host, testCommand())).toMatchObject({
      reason: 'ModprobeFailed',
      message: expect.stringContaining('not in /proc/modules'),
      exitStatus: 0,
    })
  })

  it('finds a module by the kernel’s spelling of its name', async () => {
    await node.describe('kmm-ci-a', { filename: `/opt/lib/modules/${testKernel}/kmm_ci_a.ko` })
    const result = await runCommand(node.host, testCommand({ moduleName: 'kmm-ci-a' }))
    expect(result).toMatchObject({ lsmod: line('kmm_ci_a').trim(), exitStatus: 0 })
  })

  it('classifies what modprobe prints', async () => {
    await node.answer({ status: 1, prints: `modprobe: ERROR: could not insert 'kmm_ci_a': Invalid argument` })
    expect(await runCommand(node.host, testCommand())).toMatchObject({
      reason: 'InvalidParameters',
      exitStatus: 1,
    })
  })

  it('says so when another module of that name was there before', async () => {
    await node.write('/sys/module/kmm_ci_a/srcversion', 'BBBB\n')
    const result = await runCommand(node.host, testCommand())
    expect(result.reason).toBeUndefined()
    expect(result.message).toContain('inTreeModulesToRemove')
  })
})

describe('in-tree modules', () => {
  const withInTree = (...inTreeModulesToRemove: string[]) => testCommand({}, { inTreeModulesToRemove })
  const load = 'modprobe -vd /opt kmm_ci_a'

  it.each([
    ['is not loaded', '', {}, undefined, [load]],
    ['is loaded', line('dummy', ''), {}, undefined, ['modprobe -rvd /host dummy', load]],
    [
      'has our source version',
      line('dummy'),
      { filename: `/opt/lib/modules/${testKernel}/kmm_ci_a.ko`, srcversion: 'A' },
      'A',
      [load],
    ],
    [
      'has another source version',
      line('dummy'),
      { filename: `/opt/lib/modules/${testKernel}/kmm_ci_a.ko`, srcversion: 'A' },
      'B',
      ['modprobe -rvd /host dummy', load],
    ],
    [
      'is indexed by the image through a link to the node’s tree',
      line('dummy', ''),
      { filename: `/opt/lib/modules/${testKernel}/host/dummy.ko`, srcversion: 'A' },
      'A',
      ['modprobe -rvd /host dummy', load],
    ],
    [
      'has no source version and is the kernel’s own',
      line('dummy', ' (E)'),
      { filename: `/opt/lib/modules/${testKernel}/kmm_ci_a.ko` },
      undefined,
      ['modprobe -rvd /host dummy', load],
    ],
    [
      'has no source version and is out of tree like ours',
      line('dummy', ' (O)'),
      { filename: `/opt/lib/modules/${testKernel}/kmm_ci_a.ko` },
      undefined,
      [load],
    ],
  ])('module that %s', async (_, loaded, modinfo, srcversion, calls) => {
    await node.write('/proc/modules', loaded)
    await node.write(`/lib/modules/${testKernel}/dummy.ko`, '')
    await symlinkHost()
    if ('filename' in modinfo) await node.describe('dummy', modinfo)
    if (srcversion !== undefined) await node.write('/sys/module/dummy/srcversion', `${srcversion}\n`)
    expect((await runCommand(node.host, withInTree('dummy'))).reason).toBeUndefined()
    expect(await node.calls()).toEqual(calls)
  })

  it('names each once, in the kernel’s spelling', async () => {
    await node.write('/proc/modules', line('crc_itu_t', ''))
    await runCommand(node.host, withInTree('crc-itu-t', 'crc_itu_t'))
    expect(await node.calls()).toEqual(['modprobe -rvd /host crc_itu_t', load])
  })

  it('stops when one cannot be removed', async () => {
    await node.write('/proc/modules', line('dummy', ''))
    await node.answer({ status: 1, prints: 'modprobe: ERROR: could not remove dummy: Bad address' })
    expect(await runCommand(node.host, withInTree('dummy'))).toMatchObject({
      reason: 'InTreeModuleNotRemoved',
      message: expect.stringContaining('of inTreeModulesToRemove: could not remove dummy'),
    })
    expect(await node.calls()).toHaveLength(1)
  })

  it('waits for one that is in use, like an unload', async () => {
    await node.write('/proc/modules', line('dummy', ''))
    await node.write('/sys/module/dummy/refcnt', '2\n')
    await node.write('/sys/module/dummy/holders/bonding', '')
    await node.answer({ status: 1, prints: 'modprobe: FATAL: Module dummy is in use.' })
    const result = await runCommand(node.host, withInTree('dummy'))
    expect(result).toMatchObject({ reason: 'InUse', command: ['modprobe', '-rvd', '/host', 'dummy'] })
    expect(result.message).toContain('reference count 2, held by bonding')
    expect(await node.calls()).toHaveLength(1)
  })

  const symlinkHost = async (): Promise<void> => {
    const { symlink } = await import('node:fs/promises')
    await symlink(
      node.host.path(`/lib/modules/${testKernel}`),
      node.host.path(`/opt/lib/modules/${testKernel}/host`),
    )
  }
})

describe('nothing is touched before all checks', () => {
  const firmware = { owner: 'drivers/fpga', install: '/lib/firmware' }
  beforeEach(async () => {
    await node.write('/proc/modules', line('dummy', ''))
    await node.write('/lib/firmware/fw.bin', 'distribution')
    await node.write('/kmm/firmware/fw.bin', 'new')
  })

  it.each<[string, string, () => Promise<unknown>]>([
    ['no tree', 'NoModulesForKernel', () => rm(node.host.path(`/opt`), { recursive: true })],
    ['no index', 'DepmodMissing', () => rm(node.host.path(`/opt/lib/modules/${testKernel}/modules.dep.bin`))],
    [
      'another kernel’s module',
      'VermagicMismatch',
      () => node.describe('kmm_ci_a', { filename: '/opt/a.ko', vermagic: '5.10.0 SMP ' }),
    ],
    [
      'firmware that cannot be placed',
      'FirmwareConflict',
      async () => {
        await rm(node.host.path('/lib/firmware/fw.bin'))
        await node.write('/lib/firmware/fw.bin/x', '')
      },
    ],
  ])('%s', async (_, reason, prepare) => {
    await prepare()
    const command = testCommand({ firmwarePath: '/firmware' }, { inTreeModulesToRemove: ['dummy'], firmware })
    const result = await runCommand(node.host, command)
    expect(result).toMatchObject({ reason, command: [] })
    expect(result).not.toHaveProperty('firmwareHostPath')
    expect(await node.calls()).toEqual([])
    expect(await readdir(node.host.path('/lib/firmware'))).toEqual(['fw.bin'])
  })
})

describe('firmware', () => {
  const firmware = (order: object = { install: '/lib/firmware' }) =>
    testCommand({ firmwarePath: '/firmware' }, { firmware: { owner: 'drivers/fpga', ...order } })
  const at = (path: string) => readFile(node.host.path(path), 'utf8').catch(() => undefined)
  beforeEach(async () => {
    await mkdir(node.host.path('/lib/firmware'), { recursive: true })
    await node.write('/kmm/firmware/fw.bin', 'new')
  })

  it('is there before modprobe runs, and the result says where', async () => {
    await node.program(
      'modprobe',
      `cp ${node.host.path('/lib/firmware/fw.bin')} ${node.host.path('/test/seen')}`,
    )
    await node.write('/proc/modules', line('kmm_ci_a'))
    const result = await runCommand(node.host, firmware())
    expect(result).toMatchObject({ firmwareHostPath: '/lib/firmware' })
    expect(await at('/test/seen')).toBe('new')
  })

  it('goes again when the load fails', async () => {
    await node.answer({ status: 1, prints: `modprobe: ERROR: could not insert 'kmm_ci_a': Invalid argument` })
    const result = await runCommand(node.host, firmware())
    expect(result.reason).toBe('InvalidParameters')
    expect(result).not.toHaveProperty('firmwareHostPath')
    expect(await readdir(node.host.path('/lib/firmware'))).toEqual([])
  })

  it('moves with the directory', async () => {
    await runCommand(node.host, firmware())
    await mkdir(node.host.path('/var/lib/firmware'), { recursive: true })
    await node.write('/kmm/firmware-class/path', '\n')
    const moved = firmware({ install: '/var/lib/firmware', leave: '/lib/firmware' })
    expect(await runCommand(node.host, moved)).toMatchObject({ firmwareHostPath: '/var/lib/firmware' })
    expect(await at('/var/lib/firmware/fw.bin')).toBe('new')
    expect(await readdir(node.host.path('/lib/firmware'))).toEqual([])
  })

  it('goes after the module, and stays while that is in use', async () => {
    await runCommand(node.host, firmware())
    await node.write('/proc/modules', line('kmm_ci_a'))
    const unload = { ...firmware({ leave: '/lib/firmware' }), action: 'Unload' as const }
    await node.answer({ status: 1, prints: 'modprobe: FATAL: Module kmm_ci_a is in use.' })
    expect(await runCommand(node.host, unload)).toMatchObject({ reason: 'InUse' })
    expect(await at('/lib/firmware/fw.bin')).toBe('new')
    await node.answer({ modules: '' })
    expect((await runCommand(node.host, unload)).reason).toBeUndefined()
    expect(await readdir(node.host.path('/lib/firmware'))).toEqual([])
  })

  it('goes also when the module is not loaded any more', async () => {
    await runCommand(node.host, firmware())
    await node.write('/proc/modules', '')
    await runCommand(node.host, { ...firmware({ leave: '/lib/firmware' }), action: 'Unload' })
    expect(await readdir(node.host.path('/lib/firmware'))).toEqual([])
  })

  it('of another kernel goes without modprobe, whatever its own arguments are', async () => {
    await runCommand(node.host, firmware())
    await node.write('/proc/modules', line('kmm_ci_a'))
    const before = await node.calls()
    const command = testCommand(
      { firmwarePath: '/firmware', rawArgs: { load: ['a'], unload: ['-r', 'a'] } },
      { action: 'Unload', firmware: { owner: 'drivers/fpga', leave: '/lib/firmware' } },
    )
    const config = { ...command.config, kernelVersion: '5.10.0' }
    const result = await runCommand(node.host, { ...command, config })
    expect(result).toMatchObject({ exitStatus: 0, message: expect.stringContaining('kernel 5.10.0') })
    expect(await node.calls()).toEqual(before)
    expect(await readdir(node.host.path('/lib/firmware'))).toEqual([])
  })

  it('that somebody changed is left, and the unload that leaves it is done', async () => {
    await runCommand(node.host, firmware())
    await node.write('/proc/modules', '')
    await node.write('/lib/firmware/fw.bin', 'renewed')
    const result = await runCommand(node.host, { ...firmware({ leave: '/lib/firmware' }), action: 'Unload' })
    expect(result).toMatchObject({
      exitStatus: 0,
      message: expect.stringContaining('left in /lib/firmware: fw.bin'),
    })
    expect(result.reason).toBeUndefined()
  })
})

describe('a load that fails half way', () => {
  it('takes away what of the order it has loaded', async () => {
    await node.write('/proc/modules', line('loop', ''))
    const modules = line('loop', '') + line('kmm_ci_b')
    await node.answer({
      status: 1,
      prints: `modprobe: ERROR: could not insert 'kmm_ci_a': No such device`,
      modules,
    })
    const result = await runCommand(node.host, testCommand({ modulesLoadingOrder: ['kmm_ci_a', 'kmm_ci_b'] }))
    expect(await node.calls()).toEqual(['modprobe -vd /opt kmm_ci_a', 'modprobe -rd /opt kmm_ci_b'])
    expect(result).toMatchObject({
      reason: 'ModprobeFailed',
      command: ['modprobe', '-vd', '/opt', 'kmm_ci_a'],
    })
    expect(result.message).toContain('kmm_ci_b')
  })

  it('leaves alone what was loaded before', async () => {
    await node.write('/proc/modules', line('kmm_ci_b'))
    await node.answer({
      status: 1,
      prints: `modprobe: ERROR: could not insert 'kmm_ci_a': No such device`,
      modules: line('kmm_ci_b'),
    })
    await runCommand(node.host, testCommand({ modulesLoadingOrder: ['kmm_ci_a', 'kmm_ci_b'] }))
    expect(await node.calls()).toHaveLength(1)
  })
})

describe('unload', () => {
  const unload = (modprobe = {}) => testCommand(modprobe, { action: 'Unload' })

  it('runs modprobe -r', async () => {
    await node.write('/proc/modules', line('kmm_ci_a'))
    await node.answer({ prints: 'rmmod kmm_ci_a', modules: '' })
    const result = await runCommand(node.host, unload())
    expect(result).toMatchObject({ command: ['modprobe', '-rvd', '/opt', 'kmm_ci_a'], exitStatus: 0 })
    expect(result.reason).toBeUndefined()
    expect(result.lsmod).toBeUndefined()
  })

  it.each([
    ['leaves the distribution’s module of that name alone', '', {}, 0],
    ['takes one for ours that was built like the distribution’s', '', { intree: 'Y' }, 1],
    ['unloads a module of the distribution that is in the image by a link', '', { filename: '/x' }, 1],
    ['unloads ours', ' (O)', {}, 1],
  ])('%s', async (_, flags, modinfo, calls) => {
    await node.write('/proc/modules', line('kmm_ci_a', flags))
    await node.describe('kmm_ci_a', { filename: `/opt/lib/modules/${testKernel}/kmm_ci_a.ko`, ...modinfo })
    await node.answer({ modules: '' })
    const result = await runCommand(node.host, unload())
    expect(result.reason).toBeUndefined()
    expect(await node.calls()).toHaveLength(calls)
    if (calls === 0) expect(result.message).toContain('distribution')
  })

  it('does nothing for a module that is not loaded', async () => {
    expect(await runCommand(node.host, unload())).toMatchObject({ command: [], exitStatus: 0 })
    expect(await node.calls()).toEqual([])
  })

  it('runs rawArgs whatever is loaded', async () => {
    await node.answer({})
    await runCommand(node.host, unload({ rawArgs: { load: ['m'], unload: ['-r', 'm'] } }))
    expect(await node.calls()).toEqual(['modprobe -r m'])
  })

  it('names who holds a module that is in use', async () => {
    await node.write('/proc/modules', line('kmm_ci_a'))
    await node.write('/sys/module/kmm_ci_a/refcnt', '3\n')
    await node.write('/sys/module/kmm_ci_a/holders/user_b', '')
    await node.write('/sys/module/kmm_ci_a/holders/user_a', '')
    await node.answer({ status: 1, prints: 'modprobe: FATAL: Module kmm_ci_a is in use.' })
    const result = await runCommand(node.host, unload())
    expect(result.reason).toBe('InUse')
    expect(result.message).toContain('(reference count 3, held by user_a, user_b)')
  })

  it('does not believe a modprobe that removed nothing', async () => {
    await node.write('/proc/modules', line('kmm_ci_a'))
    await node.answer({ modules: line('kmm_ci_a') })
    expect(await runCommand(node.host, unload())).toMatchObject({ reason: 'ModprobeFailed' })
  })
})
