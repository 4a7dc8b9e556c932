import { mkdtempSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { imagesLockSchema, pinned, type ImagesLock } from '../api/imagesLock.ts'
import { parseConfig } from '../api/config.ts'
import { parseDockerfile } from '../lab/dockerfile.ts'
import { kanikoImageName } from '../lab/kaniko.ts'
import { projectRoot } from '../lab/sources.ts'
import { readLock, unlocked, writeLock } from './imagesLock.ts'

const folder = mkdtempSync(join(tmpdir(), 'kmm-lock-'))
afterAll(() => rmSync(folder, { recursive: true }))

const digest = `sha256:${'a'.repeat(64)}`
const lock: ImagesLock = {
  images: [
    { reference: 'docker.io/library/node:24', digest: null, use: 'base' },
    { reference: 'gcr.io/kaniko/executor:1', digest, use: 'builds' },
  ],
}

test('what is written is read again; an image without a digest is not locked', async () => {
  mkdirSync(join(folder, 'deploy'))
  await writeLock(folder, lock)
  const again = await readLock(folder)
  expect(again).toEqual(lock)
  expect(unlocked(again).map(({ reference }) => reference)).toEqual(['docker.io/library/node:24'])
  expect(again.images.map(pinned)).toEqual([
    'docker.io/library/node:24',
    `gcr.io/kaniko/executor:1@${digest}`,
  ])
})

test.each([
  ['node:24', digest],
  ['docker.io/library/node', digest],
  [`docker.io/library/node:24@${digest}`, digest],
  ['docker.io/library/node:24', 'sha256:1'],
])('%s with %s is refused', (reference, wrong) => {
  const images = [{ reference, digest: wrong, use: 'base' }]
  expect(imagesLockSchema.safeParse({ images }).success).toBe(false)
})

test('the shipped lock has the images that the project names elsewhere', async () => {
  const { images } = await readLock(projectRoot)
  const of = (use: string) => images.find((image) => image.use === use)?.reference
  const dockerfile = readFileSync(join(projectRoot, 'deploy/Dockerfile'), 'utf8')
  expect(of('base')).toBe(parseDockerfile(dockerfile).defaults['BASE'])
  const config = parseConfig('{}')
  expect(config.ok && config.config.build.image).toBe(of('builds'))
  expect(of('builds')).toMatch(new RegExp(`/${kanikoImageName}$`, 'u'))
  expect(images.map(({ use }) => use)).toEqual(['base', 'builds', 'embeddedTemporal', 'embeddedTemporalUi'])
})
