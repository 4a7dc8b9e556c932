import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { createClusterCache, type ClusterCache } from '../activities/cluster/cache.ts'
import type { Dependencies } from '../activities/dependencies.ts'
import { createKube } from '../activities/kube/client.ts'
import type { Kube, MergePatch } from '../activities/kube/kube.ts'
import { modules as moduleResource } from '../activities/kube/resources.ts'
import { createModuleActivities } from '../activities/moduleActivities.ts'
import { applyKernelStatus } from '../activities/status.ts'
import type { Condition } from '../api/module.ts'
import { moduleFinalizer } from '../api/names.ts'
import { applyManifests } from '../lab/applyManifests.ts'
import { definitionFiles } from '../lab/operator.ts'
import { createModule, custom, modules, namespace, refusal } from './moduleApi.ts'
import { smallSpec } from './moduleSpecs.ts'
import { removeRules } from './support/removeRules.ts'

const kubeconfig = inject('kubeconfig')
const soon = { timeout: 90_000, interval: 200 }
const name = (what: string) => `stored-${what}-${process.pid}`
const refOf = (what: string) => ({ namespace, name: name(what) })
const container = 'spec.moduleLoader.container'

/** Specs that the definition refuses, with the fields that must be named. */
const stored = {
  rules: {
    spec: smallSpec({
      spec: { tolerations: [{ operator: 'Equal' }] },
      container: { version: 'a b', modprobe: { moduleName: 'm', dirName: 'opt', rawArgs: { load: ['m'] } } },
    }),
    fields: [
      'spec.tolerations[0].operator',
      `${container}.version`,
      `${container}.modprobe`,
      `${container}.modprobe.dirName`,
    ],
  },
  structure: {
    spec: smallSpec({ mapping: { sign: { keySecret: { name: 'k' }, certSecret: { name: 'c' } } } }),
    fields: [`${container}.kernelMappings[0].sign.filesToSign`],
  },
  policy: {
    spec: {
      selector: { '-': '' },
      devicePlugin: { container: { image: 'a:1' }, volumes: [{ name: 'v', hostPath: { path: '/etc' } }] },
    },
    fields: ['spec.selector', 'spec.devicePlugin.volumes[0].hostPath.path'],
  },
  mapping: {
    spec: smallSpec({ mapping: { regexp: '^(6' } }),
    fields: [`${container}.kernelMappings[0].regexp`],
  },
} as const
type What = keyof typeof stored
const all = Object.keys(stored) as What[]

let kube: Kube
let cache: ClusterCache
let deps: Dependencies

beforeAll(async () => {
  kube = createKube(kubeconfig)
  await removeRules(kubeconfig)
  for (const what of all) {
    const take = () => refusal(createModule(stored[what].spec, name(what)))
    await vi.waitFor(async () => expect(await take()).toMatch(/nothing: it was taken|already exists/u), soon)
    await kube.patch(moduleResource, refOf(what), { metadata: { finalizers: [moduleFinalizer] } })
  }
  await applyManifests(kubeconfig, definitionFiles())
  for (const what of all) {
    const again = () => refusal(createModule(stored[what].spec, name('again'), 'All'))
    await vi.waitFor(async () => expect(await again()).toMatch(/is invalid|denied request/u), soon)
  }
  cache = createClusterCache(kube, { warn: () => undefined } as never)
  await cache.synced
  deps = {
    kube,
    cache,
    namespace: 'kmm',
    cluster: 'c',
    config: { job: { gcDelay: 0 } },
  } as unknown as Dependencies
})
afterAll(async () => {
  await cache.stop()
  await kube.close()
})

const uidOf = async (what: What) => (await kube.get(moduleResource, refOf(what)))?.metadata.uid ?? ''
async function conditionsOf(what: What): Promise<Condition[]> {
  const object = (await kube.get(moduleResource, refOf(what))) as { status?: { conditions?: Condition[] } }
  return object.status?.conditions ?? []
}

describe('a Module that was stored before the rules', () => {
  test.each(all)('%s: its conditions name the fields, and the API server takes the status', async (what) => {
    const activities = createModuleActivities(deps)
    const subject = { ref: refOf(what), uid: await uidOf(what) }
    const { view, uid } = await activities.readModule({ subject, seen: {} })
    expect(uid).toBe(subject.uid)
    expect(view).toMatchObject({ module: what === 'mapping' ? 'alive' : 'unreadable', outdated: true })
    const { seen } = await activities.summarizeModule({ subject, seen: {} })
    const conditions = await conditionsOf(what)
    const reason = what === 'mapping' ? 'RegexpInvalid' : 'SpecInvalid'
    expect(conditions.find(({ type }) => type === 'Degraded')).toMatchObject({ status: 'True', reason })
    const ready = conditions.find(({ type }) => type === 'Ready')
    expect(ready).toMatchObject({ status: 'False', reason })
    for (const field of stored[what].fields) expect(ready?.message).toContain(`${field}: `)

    expect((await activities.readModule({ subject, seen })).view.outdated).toBe(false)
  })

  test('a kernel’s entry in status is taken beside a broken spec', async () => {
    const subject = { ref: refOf('rules'), uid: await uidOf('rules'), kernel: '6.1.0' }
    const entry = { kernel: '6.1.0', phase: 'Loaded' as const, message: 'm' }
    expect(await applyKernelStatus(deps, subject, entry)).toHaveProperty('Module')
    await vi.waitFor(
      () => expect(cache.unreadable(subject.ref)?.status?.kernels).toMatchObject([entry]),
      soon,
    )
  })

  test.each(['rules', 'policy', 'mapping'] as const)(
    '%s: it may get annotations and finalizers, a changed spec must be good',
    async (what) => {
      const patch = (body: MergePatch) => kube.patch(moduleResource, refOf(what), body)
      expect((await patch({ metadata: { annotations: { a: 'b' } } })).kind).toBe('written')
      const finalizers = [moduleFinalizer, 'example.com/other']
      expect((await patch({ metadata: { finalizers } })).kind).toBe('written')
      const broken = { rules: { version: 'c d' }, mapping: { version: 'c d' } }
      const spec =
        what === 'policy' ? { selector: { '+': '' } } : { moduleLoader: { container: broken[what] } }
      await expect(patch({ spec })).rejects.toThrow(/container.version|kmm-module.*spec.selector/u)
      await patch({ metadata: { finalizers: [moduleFinalizer] } })
    },
  )

  test('it recovers when it is mended', async () => {
    const object = (await kube.get(moduleResource, refOf('rules'))) as { metadata: object }
    const body = { ...object, spec: smallSpec({ container: { version: '1' } }) }
    await custom.replaceNamespacedCustomObject({ ...modules, name: name('rules'), body })
    await vi.waitFor(() => expect(cache.module(refOf('rules'))).toBeDefined(), soon)
    const subject = { ref: refOf('rules'), uid: await uidOf('rules') }
    const activities = createModuleActivities(deps)
    const { view } = await activities.readModule({ subject, seen: {} })
    expect(view).toMatchObject({ module: 'alive', outdated: true })
    await activities.summarizeModule({ subject, seen: {} })
    expect((await conditionsOf('rules')).find(({ type }) => type === 'Degraded')?.status).toBe('False')
  })

  test('it can be deleted without being mended', async () => {
    const subject = { ref: refOf('structure'), uid: await uidOf('structure') }
    await kube.delete(moduleResource, subject.ref, { uid: subject.uid })
    const activities = createModuleActivities(deps)
    const read = async () => (await activities.readModule({ subject, seen: {} })).view
    await vi.waitFor(
      async () => expect(await read()).toMatchObject({ module: 'deleting', remains: [] }),
      soon,
    )
    await activities.releaseModule({ subject, seen: {} })
    expect(await kube.get(moduleResource, subject.ref)).toBeUndefined()
  })
})
