import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import type { LockedImage } from '../api/imagesLock.ts'
import { projectRoot } from '../lab/sources.ts'
import { packageChart } from './chart.ts'
import { readLock } from './imagesLock.ts'

const folder = mkdtempSync(join(tmpdir(), 'kmm-chart-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

test("helm's package has the version of the release, and the images of others by digest", async () => {
  const helm = await ensurePrograms(['helm']).path('helm')
  const digest = `sha256:${'a'.repeat(64)}`
  const { images } = await readLock(projectRoot)
  const lock = { images: images.map((image) => ({ ...image, digest })) }
  const archive = await packageChart(helm, projectRoot, folder, { version: '9.8.7-rc.1', lock })
  const show = (what: string) =>
    parse(execFileSync(helm, ['show', what, archive], { encoding: 'utf8' })) as unknown
  expect(show('chart')).toMatchObject({ version: '9.8.7-rc.1', appVersion: '9.8.7-rc.1' })
  const pinned = (use: LockedImage['use']) =>
    `${images.find((image) => image.use === use)?.reference}@${digest}`
  expect(show('values')).toMatchObject({
    controller: { buildImage: pinned('builds') },
    temporal: { embedded: { image: pinned('embeddedTemporal'), uiImage: pinned('embeddedTemporalUi') } },
  })
})
