import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { extractCommand } from '../api/workerCommand.ts'

const busybox = (() => {
  try {
    return execFileSync('busybox', ['--list'], { encoding: 'utf8' }).split('\n').includes('cp')
  } catch {
    return false
  }
})()

/** nodes:1 Better: GNU and busybox differ in details, so the extraction is tried with both. */
describe.each([['cp'], ...(busybox ? [['busybox', 'cp']] : [])])('extraction with %s', (...program) => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kmm-extract-'))
    const tree = join(folder, 'image/6.1.0')
    await mkdir(join(tree, 'sub'), { recursive: true })
    await writeFile(join(tree, 'a.ko'), 'a')
    await writeFile(join(tree, '.hidden'), 'h')
    await writeFile(join(tree, 'sub/b.ko'), 'b')
    await symlink('a.ko', join(tree, 'to-file'))
    await symlink('sub', join(tree, 'to-folder'))
    await symlink('/host/lib/modules/6.1.0', join(tree, 'host'))
    await symlink('6.1.0', join(folder, 'image/linked'))
    await mkdir(join(folder, 'out'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it.each(['6.1.0', 'linked'])('copies %s, a second time too', async (name) => {
    const out = join(folder, 'out')
    for (let round = 0; round < 2; round++) {
      const [, ...args] = extractCommand(join(folder, 'image', name), out)
      const [command = '', ...first] = program
      execFileSync(command, [...first, ...args])
      // With types, a link to a folder is not walked into.
      const entries = await readdir(out, { recursive: true, withFileTypes: true })
      const names = entries.map(({ parentPath, name: entry }) => relative(out, join(parentPath, entry)))
      expect(names.toSorted()).toEqual(['.hidden', 'a.ko', 'host', 'sub', 'sub/b.ko', 'to-file', 'to-folder'])
      expect(await readlink(join(out, 'host'))).toBe('/host/lib/modules/6.1.0')
      expect(await readlink(join(out, 'to-file'))).toBe('a.ko')
      expect(await readlink(join(out, 'to-folder'))).toBe('sub')
      expect(await readFile(join(out, 'sub/b.ko'), 'utf8')).toBe('b')
      // What a first, interrupted run left half written is made whole.
      await writeFile(join(out, 'a.ko'), 'half')
    }
  })
})
