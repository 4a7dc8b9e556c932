import { expect, test } from 'vitest'
import { parseImageReference } from '../../api/imageReference.ts'
import type { Connection } from './connection.ts'
import { findManifest } from './manifest.ts'
import { openRepository } from './repository.ts'

/** What is asked of which address; every answer is one manifest. */
async function asked(image: string): Promise<string[]> {
  const urls: string[] = []
  const connection: Connection = {
    async send({ url }) {
      urls.push(url.href)
      const headers = { 'docker-content-digest': `sha256:${'1'.repeat(64)}` }
      return { status: 200, headers, body: Buffer.from('{}'), url, isHidden: false }
    },
    close: async () => {},
  }
  const reference = parseImageReference(image)
  await findManifest(await openRepository(connection, reference, { insecure: false }), reference)
  return urls.slice(1)
}

test.each([
  ['busybox', 'https://registry-1.docker.io/v2/library/busybox/manifests/latest'],
  ['team/a:1', 'https://registry-1.docker.io/v2/team/a/manifests/1'],
  ['docker.io/team/a:1', 'https://registry-1.docker.io/v2/team/a/manifests/1'],
  ['index.docker.io/busybox:1', 'https://registry-1.docker.io/v2/library/busybox/manifests/1'],
  ['reg.test:5000/a:1', 'https://reg.test:5000/v2/a/manifests/1'],
  ['localhost/a:1', 'https://localhost/v2/a/manifests/1'],
])('%s is asked at %s', async (image, url) => {
  expect(await asked(image)).toEqual([url])
})
