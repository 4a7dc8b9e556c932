import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createKube } from '../activities/kube/client.ts'
import { createInformer } from '../activities/kube/informer.ts'
import type { Kube } from '../activities/kube/kube.ts'
import { type ConfigMap, configMaps } from '../activities/kube/resources.ts'
import { type ControlPlane, startControlPlane } from '../lab/controlPlane.ts'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { openTestFolder } from '../lab/testFolder.ts'
import { openApiServerRelay } from '../lab/relay.ts'

const folder = openTestFolder('informer')
const ends: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const end of ends.toReversed()) await end()
  await folder.close()
})

function configMap(name: string) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'default', name, labels: { test: 'informer' } },
  }
}

async function make(kube: Kube, name: string): Promise<ConfigMap> {
  return (await kube.create(configMaps, configMap(name))).object
}

async function remove(kube: Kube, { metadata }: ConfigMap): Promise<void> {
  await kube.delete(configMaps, metadata, { uid: metadata.uid })
}

async function killHard({ apiserver }: ControlPlane): Promise<void> {
  process.kill(apiserver.pid, 'SIGKILL')
  await apiserver.restart()
}

test('an informer outlives kill -9 of the API server and delivers what it missed', async () => {
  const controlPlane = await startControlPlane({
    dir: folder.dir,
    supervisor: folder.supervisor,
    programs: ensurePrograms(['etcd', 'kube-apiserver']),
    address: '127.0.0.1',
    components: 'apiserver',
  })
  const kube = createKube(controlPlane.kubeconfig)
  ends.push(async () => await kube.close())
  const [kept, missed, remade] = await Promise.all(
    ['kept', 'missed', 'remade'].map((name) => make(kube, name)),
  )
  if (kept === undefined || missed === undefined || remade === undefined) throw new Error('three were made')

  const kubeconfig = join(folder.dir, 'relayed.kubeconfig')
  const relay = await openApiServerRelay(controlPlane, kubeconfig)
  ends.push(async () => {
    relay.cut()
    relay.close()
  })
  const relayed = createKube(kubeconfig)
  ends.push(async () => await relayed.close())
  const informer = createInformer({
    kube: relayed,
    resource: configMaps,
    name: 'configmaps',
    log: { warn: () => undefined },
    labelSelector: 'test=informer',
    timing: { firstBackoffMs: 50, longestBackoffMs: 200 },
  })
  ends.push(async () => await informer.stop())
  const seen: string[] = []
  await informer.synced
  informer.subscribe(({ type, object }) =>
    seen.push(`${type} ${object.metadata.name} ${object.metadata.uid}`),
  )
  expect(seen.toSorted()).toEqual(
    [kept, missed, remade].map(({ metadata }) => `added ${metadata.name} ${metadata.uid}`),
  )

  // The server dies under the watch and comes back: nothing is delivered twice, what follows is delivered.
  await killHard(controlPlane)
  seen.length = 0
  const after = await make(kube, 'after')
  expect(await informer.reached(after.metadata.resourceVersion, 90_000)).toBe(true)
  expect(seen).toEqual([`added after ${after.metadata.uid}`])

  // Out of reach, and the restarted server has forgotten where the watch was.
  relay.cut()
  seen.length = 0
  await remove(kube, missed)
  await remove(kube, remade)
  const again = await make(kube, 'remade')
  const late = await make(kube, 'late')
  await killHard(controlPlane)
  relay.restore()
  expect(await informer.reached(late.metadata.resourceVersion, 90_000)).toBe(true)
  expect(relayed.requests.get('list configmaps')).toBeGreaterThanOrEqual(2)
  expect(seen).toEqual([
    `deleted missed ${missed.metadata.uid}`,
    `added late ${late.metadata.uid}`,
    `deleted remade ${remade.metadata.uid}`,
    `added remade ${again.metadata.uid}`,
  ])
}, 120_000)
