import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { walk, type Walked, type WalkLimits } from './walk.ts'

async function all(limits: WalkLimits): Promise<readonly Walked[]> {
  const found: Walked[] = []
  for await (const entry of walk(await folder(), limits)) found.push(entry)
  return found
}

async function folder(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'kmm-walk-'))
  onTestFinished(() => rm(root, { recursive: true }))
  await mkdir(join(root, 'a/b'), { recursive: true })
  await writeFile(join(root, 'a/b/program'), 'four', { mode: 0o700 })
  await symlink('..', join(root, 'a/up'))
  return root
}

test('a walk finds files and links, and follows none', async () => {
  const found = await all({ entries: 4, depth: 2 })
  expect(found.toSorted((one, other) => one.path.localeCompare(other.path))).toMatchObject([
    { path: 'a/b/program', kind: 'file', size: 4, executable: true },
    { path: 'a/up', kind: 'link' },
  ])
})

test.each([
  [{ entries: 3, depth: 2 }, 'more than 3 files and folders'],
  [{ entries: 4, depth: 1 }, 'more than 1 folders in one another'],
])('a walk ends at its limits: %j', async (limits, message) => {
  await expect(all(limits)).rejects.toThrow(message)
})
