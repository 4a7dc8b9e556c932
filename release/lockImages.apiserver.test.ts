import { afterAll, expect, test } from 'vitest'
import { checkImage } from '../activities/registry/checkImage.ts'
import { onThisMachine } from '../activities/registry/testing/scriptedRegistry.ts'
import type { ImagesLock, LockedImage } from '../api/imagesLock.ts'
import { openTestFolder } from '../lab/testFolder.ts'
import { startPrivateRegistry } from '../test/support/privateRegistry.ts'
import { pushTestImage } from '../test/support/pushTestImage.ts'
import { lockImages } from './lockImages.ts'

const folder = openTestFolder('lock-images')
afterAll(() => folder.close())

test('a real registry: digests of indexes; what cannot be locked keeps its entry and is named', async () => {
  const registry = await startPrivateRegistry(folder, '127.0.0.1', { name: 'plain' })
  const both = { repository: 'kaniko', tag: '1', architectures: ['amd64', 'arm64'] }
  const digest = await pushTestImage(registry, both)
  await pushTestImage(registry, { repository: 'ui', tag: '1', architectures: ['amd64'] })
  const old = `sha256:${'0'.repeat(64)}`
  const image = (name: string, use: LockedImage['use'], known: string | null = null): LockedImage => ({
    reference: `${registry.host}/${name}`,
    digest: known,
    use,
  })
  const lock: ImagesLock = {
    images: [
      image('kaniko:1', 'builds', old),
      image('server:1', 'embeddedTemporal', old),
      image('ui:1', 'embeddedTemporalUi'),
      { reference: '127.0.0.1:1/node:1', digest: null, use: 'base' },
    ],
  }
  const found = await lockImages(lock, (reference) =>
    checkImage(reference, {
      insecure: true,
      insecureSkipTLSVerify: false,
      addresses: onThisMachine,
      traits: true,
    }),
  )
  expect(found.lock.images.map((entry) => entry.digest)).toEqual([digest, old, null, null])
  expect(found.failures).toEqual([
    { reference: `${registry.host}/server:1`, message: 'the registry does not have it' },
    { reference: `${registry.host}/ui:1`, message: 'it is not there for arm64, only for amd64' },
    { reference: '127.0.0.1:1/node:1', message: expect.stringContaining('connection refused') },
  ])
})
