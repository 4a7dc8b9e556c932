import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { keepLatest } from './sources.ts'

test('only the last used files of a name stay, and nothing else is touched', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kmm-test-images-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const others = ['operator-aa.tar.17', 'pause-1.tar']
  const images = ['operator-aa.tar', 'operator-bb.tar', 'operator-cc.tar']
  for (const [age, name] of [...others, ...images].entries()) {
    await writeFile(join(folder, name), '')
    await utimes(join(folder, name), 1_000 + age, 1_000 + age)
  }
  await keepLatest(folder, /^operator-\w+\.tar$/, 2)
  expect((await readdir(folder)).sort()).toEqual([...others, 'operator-bb.tar', 'operator-cc.tar'].sort())
})
