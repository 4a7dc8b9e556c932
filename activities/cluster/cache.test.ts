import { expect, test } from 'vitest'
import { createKube } from '../kube/client.ts'
import { createClusterCache } from './cache.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

test('a cache that is stopped before it knows anything ends quietly, whoever waits for it or not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kmm-cache-'))
  const kubeconfig = join(folder, 'kubeconfig')
  // Nobody listens there.
  const cluster = { name: 'c', cluster: { server: 'http://127.0.0.1:9' } }
  const context = { name: 'c', context: { cluster: 'c', user: 'u' } }
  const users = [{ name: 'u', user: {} }]
  const config = { apiVersion: 'v1', kind: 'Config', clusters: [cluster], contexts: [context], users }
  writeFileSync(kubeconfig, JSON.stringify({ ...config, 'current-context': 'c' }))
  const unheard: unknown[] = []
  const hear = (reason: unknown) => void unheard.push(reason)
  process.on('unhandledRejection', hear)
  const kube = createKube(kubeconfig)
  try {
    const cache = createClusterCache(kube, { warn: () => undefined })
    await cache.stop()
    await new Promise((resolve) => setImmediate(resolve))
    expect(unheard).toEqual([])
    await expect(cache.synced).rejects.toThrow('is stopped')
  } finally {
    process.off('unhandledRejection', hear)
    await kube.close()
    rmSync(folder, { recursive: true })
  }
})
