import { randomBytes } from 'node:crypto'
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { runOrThrow } from '../programs/exec.ts'
import { scratchFolder, sha256, writeProgram } from '../programs/testing/fixtures.ts'
import { isStatic } from './bases.ts'
import { compressed, knownDigest, pushImage } from './pushImage.ts'
import { ensureRootfs, packTree, type RootfsRecipe } from './rootfs.ts'

const noDebootstrap = (): Promise<string> => Promise.reject(new Error('not needed'))

const recipe = (key: string, finish: NonNullable<RootfsRecipe['finish']>): RootfsRecipe => ({
  name: 'tiny',
  key: [key],
  base: { kind: 'none' },
  finish,
})

describe('ensureRootfs', () => {
  test('makes a tar once per recipe', async () => {
    const cacheDir = await scratchFolder()
    let made = 0
    const get = (key: string) =>
      ensureRootfs(
        recipe(key, async (tree) => {
          made += 1
          await writeFile(join(tree, 'hello'), key)
        }),
        noDebootstrap,
        { cacheDir },
      )
    const first = await get('one')
    expect(await get('one')).toBe(first)
    expect(made).toBe(1)
    expect(await get('two')).not.toBe(first)
    expect(made).toBe(2)
    expect(await runOrThrow(['tar', '-xOf', first, './hello'])).toBe('one')
  })

  test('a failure leaves nothing', async () => {
    const cacheDir = await scratchFolder()
    const failing = recipe('x', () => Promise.reject(new Error('no space')))
    await expect(ensureRootfs(failing, noDebootstrap, { cacheDir })).rejects.toThrow('no space')
    expect(await readdir(join(cacheDir, 'images'))).toEqual([])
    expect(await readdir(join(cacheDir, 'tmp'))).toEqual([])
  })
})

test('equal trees give equal tars, whenever they were made', async () => {
  const folder = await scratchFolder()
  const digests: string[] = []
  for (const [index, time] of [1_000, 2_000].entries()) {
    const tree = join(folder, `tree${String(index)}`)
    await runOrThrow(['mkdir', '-p', join(tree, 'dev')])
    await writeFile(join(tree, 'a'), 'same')
    await writeFile(join(tree, 'dev/null'), String(index))
    await utimes(join(tree, 'a'), time, time)
    await packTree(tree, join(folder, 'out.tar'))
    digests.push(sha256(await readFile(join(folder, 'out.tar'))))
  }
  expect(digests[0]).toBe(digests[1])
})

test('node is not static', async () => {
  expect(isStatic(await readFile(process.execPath))).toBe(false)
})

describe('pushImage', () => {
  /** A stand-in for crane that keeps its calls and answers a digest once something was pushed. */
  const setUp = async () => {
    const folder = await scratchFolder()
    const crane = await writeProgram(
      folder,
      'crane',
      `#!/bin/sh\necho "$@" >>${folder}/calls\ncase "$1" in append) echo sha256:1 >${folder}/registry ;; digest) cat ${folder}/registry ;; esac\n`,
    )
    const tar = join(folder, 'image.tar')
    await writeFile(tar, 'content')
    const calls = async (): Promise<string[]> => {
      const lines = (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n')
      await writeFile(join(folder, 'calls'), '')
      return lines.map((line) => line.split(' ')[0] ?? '')
    }
    return { folder, crane, tar, calls }
  }
  const reference = 'registry.test/pause:1'

  test('a layer is compressed once, whoever asks at the same time', async () => {
    const { folder, tar } = await setUp()
    await writeFile(tar, randomBytes(4_000_000))
    const [first, second] = await Promise.all([compressed(tar), compressed(tar)])
    expect([first, second]).toEqual([`${tar}.gz`, `${tar}.gz`])
    expect(gunzipSync(await readFile(first)).equals(await readFile(tar))).toBe(true)
    const { mtimeMs } = await stat(first)
    await compressed(tar)
    expect((await stat(first)).mtimeMs).toBe(mtimeMs)
    expect((await readdir(folder)).filter((name) => name.includes('.gz'))).toEqual(['image.tar.gz'])
  })

  test('the digest is known once it was pushed somewhere', async () => {
    const { crane, tar } = await setUp()
    expect(await knownDigest(tar)).toBeUndefined()
    await pushImage(tar, reference, { crane })
    expect(await knownDigest(tar)).toBe('sha256:1')
    expect(await knownDigest(tar, { entrypoint: ['/bin/x'] })).toBeUndefined()
  })

  test('sends nothing when the registry still has it', async () => {
    const { crane, tar, calls } = await setUp()
    const pushed = await pushImage(tar, reference, { crane })
    expect(pushed).toEqual({ reference, digest: 'sha256:1' })
    expect(await calls()).toEqual(['append', 'mutate', 'digest'])
    expect(await pushImage(tar, reference, { crane })).toEqual(pushed)
    expect(await calls()).toEqual(['digest'])
  })

  test.each([
    [
      'the registry lost it',
      ({ folder }: { folder: string }) => runOrThrow(['rm', join(folder, 'registry')]),
    ],
    [
      'something else is there',
      ({ folder }: { folder: string }) => writeFile(join(folder, 'registry'), 'sha256:2'),
    ],
    ['the tar changed', ({ tar }: { tar: string }) => writeFile(tar, 'other content')],
  ])('sends it again when %s', async (_, change) => {
    const { folder, crane, tar, calls } = await setUp()
    await pushImage(tar, reference, { crane })
    await calls()
    await change({ folder, tar } as { folder: string; tar: string })
    await pushImage(tar, reference, { crane })
    expect(await calls()).toEqual(expect.arrayContaining(['append', 'mutate']))
  })

  test('sends it again with another configuration; words with commas stay whole', async () => {
    const { folder, crane, tar, calls } = await setUp()
    await pushImage(tar, reference, { crane })
    await calls()
    await pushImage(tar, reference, { crane, insecure: true, config: { entrypoint: ['/bin/x', 'a,b'] } })
    expect(await readFile(join(folder, 'calls'), 'utf8')).toContain(
      `mutate --insecure ${reference} --set-platform=linux/`,
    )
    expect(await readFile(join(folder, 'calls'), 'utf8')).toContain('--entrypoint=/bin/x,"a,b"')
  })
})
