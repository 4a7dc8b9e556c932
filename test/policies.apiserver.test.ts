import { join } from 'node:path'
import { beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { labels } from '../api/names.ts'
import { applyManifests } from '../lab/applyManifests.ts'
import { core, createModule, namespace, refusal, smallSpec } from './moduleApi.ts'

describe('policies', () => {
  beforeAll(async () => {
    const folder = join(import.meta.dirname, '../deploy/policies')
    const files = ['module.yaml', 'namespace.yaml'].map((file) => join(folder, file))
    await applyManifests(inject('kubeconfig'), files)
    const tooLong = () => refusal(createModule(smallSpec(), 'a'.repeat(63), 'All'))
    await vi.waitFor(async () => expect(await tooLong()).toContain('kmm-module'), {
      timeout: 30_000,
      interval: 200,
    })
  })

  test('VAL-2 name and namespace have 41 characters together', async () => {
    const room = 41 - namespace.length
    expect(await refusal(createModule(smallSpec(), 'a'.repeat(room), 'All'))).toContain('nothing')
    expect(await refusal(createModule(smallSpec(), 'a'.repeat(room + 1), 'All'))).toContain(
      'name and namespace may have 41 characters together, these have 42',
    )
  })

  test.each([
    ['/dev', true],
    ['/var/lib/acme', true],
    ['/device', false],
    ['/etc', false],
    ['/var/../etc', false],
    ['/', false],
  ])('VAL-5 hostPath %s: taken %s', async (path, taken) => {
    const pods = { container: { image: 'a:1' }, volumes: [{ name: 'v', hostPath: { path } }] }
    for (const spec of [
      { selector: {}, devicePlugin: pods },
      { selector: {}, dra: { ...pods, driverName: 'd' } },
    ]) {
      const answer = await refusal(createModule(spec, undefined, 'All'))
      expect(answer).toContain(taken ? 'nothing' : 'a hostPath must be, or lie below, /dev')
    }
  })

  test('VAL-12 a namespace with Modules is not deleted, without the label it is', async () => {
    const name = `guarded-${process.pid}`
    await core.createNamespace({ body: { metadata: { name, labels: { [labels.containsModules]: '' } } } })
    const remove = () => refusal(core.deleteNamespace({ name }))
    await vi.waitFor(async () => expect(await remove()).toContain(`namespace ${name} still has Modules`), {
      timeout: 30_000,
      interval: 200,
    })
    await core.replaceNamespace({ name, body: { metadata: { name } } })
    expect(await remove()).toContain('nothing')
  })
})
