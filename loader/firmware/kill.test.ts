import { existsSync } from 'node:fs'
import type * as Promises from 'node:fs/promises'
import { mkdir, readFile, symlink } from 'node:fs/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { workerPaths } from '../../api/workerCommand.ts'
import { makeTestNode, testCommand, type TestNode } from '../testNode.ts'
import type * as Firmware from './firmware.ts'

/** Writes that are left until the process "dies": then every further one fails, as if it had never been made. */
const life = vi.hoisted(() => ({ left: Infinity }))
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof Promises>()
  const mortal = <A extends unknown[], R>(write: (...args: A) => Promise<R>) =>
    async function (...args: A): Promise<R> {
      if (life.left <= 0) throw new Error('killed')
      life.left -= 1
      return await write(...args)
    }
  const { chmod, mkdir: make, open, rename, rm, rmdir, symlink: link, writeFile } = real
  return {
    ...real,
    chmod: mortal(chmod),
    open: async (...args: Parameters<typeof open>) => {
      if (args[1] !== 'wx') return await open(...args)
      const file = await mortal(open)(...args)
      file.writeFile = mortal(file.writeFile.bind(file))
      file.chmod = mortal(file.chmod.bind(file))
      return file
    },
    mkdir: mortal(make as (path: string, options?: object) => Promise<unknown>),
    rename: mortal(rename),
    rm: mortal(rm),
    rmdir: mortal(rmdir),
    symlink: mortal(link),
    writeFile: mortal(writeFile as (file: string, data: string, options?: object) => Promise<void>),
  }
})

/** Files of this tier share modules: what another has imported before would not see the mortal writes. */
let firmware: typeof Firmware
beforeAll(async () => {
  vi.resetModules()
  firmware = await import('./firmware.ts')
})

let node: TestNode
const owner = 'drivers/fpga'
const folder = '/var/lib/firmware'
beforeEach(async () => {
  node = await makeTestNode()
  await node.write(workerPaths.firmwareSearchPath, '/before\n')
  await node.write(`${folder}/replaced.bin`, 'distribution')
  await mkdir(node.host.path(`${workerPaths.firmware}/acme`), { recursive: true })
  await symlink('replaced.bin', node.host.path(`${folder}/link.bin`))
})
afterEach(async () => {
  life.left = Infinity
  await node.remove()
})

const image = async (version: string) => {
  await node.write(`${workerPaths.firmware}/replaced.bin`, version)
  await node.write(`${workerPaths.firmware}/link.bin`, version)
  await node.write(`${workerPaths.firmware}/acme/added.bin`, version)
}
/** The lock is another test's matter; a program for each run would take long. */
const host = () => ({ ...node.host, locked: <T>(_: string, work: () => Promise<T>) => work() })
const install = () =>
  firmware.installFirmware(
    host(),
    testCommand({ firmwarePath: '/firmware' }, { firmware: { owner, install: folder } }),
  )
const leave = () => firmware.leaveFirmware(host(), owner, folder)
const at = (name: string) => readFile(node.host.path(`${folder}/${name}`), 'utf8').catch(() => undefined)
const state = async () => ({
  replaced: await at('replaced.bin'),
  link: await at('link.bin'),
  added: await at('acme/added.bin'),
  folder: existsSync(node.host.path(`${folder}/acme`)),
  store: existsSync(node.host.path(`${folder}/.kmm`)),
  searchPath: (await readFile(node.host.path(workerPaths.firmwareSearchPath), 'utf8')).trim(),
})
const original = {
  replaced: 'distribution',
  link: 'distribution',
  added: undefined,
  folder: false,
  store: false,
  searchPath: '/before',
}
const installed = (version: string) => ({
  replaced: version,
  link: version,
  added: version,
  folder: true,
  store: true,
  searchPath: folder,
})

/** Kills `work` before its first, second ... write, until it comes through. */
async function killedAnywhere(
  work: () => Promise<unknown>,
  afterwards: () => Promise<void>,
): Promise<number> {
  for (let writes = 0; ; writes++) {
    life.left = writes
    const came = await work().then(
      () => true,
      () => false,
    )
    life.left = Infinity
    await afterwards()
    if (came) return writes
  }
}

describe('a loader that is killed between any two writes', { timeout: 60_000 }, () => {
  it('of an install: the next install makes it whole', async () => {
    await image('1')
    const writes = await killedAnywhere(install, async () => {
      await install()
      expect(await state()).toEqual(installed('1'))
      await leave()
      expect(await state()).toEqual(original)
    })
    expect(writes).toBeGreaterThan(12)
  })

  it('of an install: an unload brings back what was', async () => {
    await image('1')
    await killedAnywhere(install, async () => {
      await leave()
      expect(await state()).toEqual(original)
    })
  })

  it('of an install over an older one: an unload brings back what was', async () => {
    const older = async () => {
      await image('1')
      await install()
      expect(await state()).toEqual(installed('1'))
      await image('2')
    }
    await older()
    await killedAnywhere(install, async () => {
      await leave()
      expect(await state()).toEqual(original)
      await older()
    })
  })

  it('of an unload: the next unload ends it', async () => {
    await image('1')
    await install()
    const writes = await killedAnywhere(leave, async () => {
      await leave()
      expect(await state()).toEqual(original)
      await install()
    })
    expect(writes).toBeGreaterThan(8)
  })
})
