import { ApplicationFailure } from '@temporalio/common'
import { storedModule } from '../api/facts.ts'
import { apiVersion, labels, moduleFinalizer } from '../api/names.ts'
import type { StoredModule } from '../api/readModule.ts'
import { viewModule } from '../api/viewModule.ts'
import { answering } from './answering.ts'
import type { ModuleActivities } from './contract.ts'
import type { Dependencies } from './dependencies.ts'
import { modules, namespaces } from './kube/resources.ts'
import { moduleOf } from './status.ts'

const catchUpMs = 10_000
/** Owner of counters and conditions in the Module's status. */
const fieldManager = 'kmm:module'

/** The activities of module runs over real clients. */
export function createModuleActivities(deps: Dependencies): ModuleActivities {
  const { kube, cache } = deps
  const now = () => new Date().toISOString()
  return answering({
    async readModule({ subject, seen }) {
      if (!(await cache.caughtUp(seen, catchUpMs))) {
        throw ApplicationFailure.retryable('The cache is behind the change that rang.', 'CacheBehind')
      }
      const { view, module } = viewModule(cache, subject.ref, now())
      return { uid: module?.metadata.uid, view }
    },
    async guardModule({ subject }) {
      const module = moduleOf(deps, subject)
      const { namespace } = subject.ref
      await kube.patch(
        namespaces,
        { name: namespace },
        { metadata: { labels: { [labels.containsModules]: '' } } },
      )
      return {
        seen: await setFinalizers(deps, module, [...(module.metadata.finalizers ?? []), moduleFinalizer]),
      }
    },
    async summarizeModule({ subject }) {
      const { summary, module } = viewModule(cache, subject.ref, now())
      if (module === undefined || summary === undefined || module.metadata.uid !== subject.uid)
        return { seen: {} }
      const { namespace, name, uid } = module.metadata
      const body = { apiVersion, kind: 'Module', metadata: { namespace, name, uid }, status: { ...summary } }
      const written = await kube.applyObject(body, { fieldManager, force: true, subresource: 'status' })
      return { seen: written.kind === 'written' ? { Module: written.object.metadata.resourceVersion } : {} }
    },
    async releaseModule({ subject }) {
      const module = storedModule(cache, subject.ref)
      if (module === undefined || module.metadata.uid !== subject.uid) return
      const { namespace } = subject.ref
      // Of two that leave at the same time each must not count on the other.
      const leaves = (m: StoredModule) =>
        m.metadata.deletionTimestamp !== undefined &&
        viewModule(cache, m.metadata, now()).view.remains.length === 0
      const all: readonly StoredModule[] = [...cache.modules(), ...cache.unreadableModules()]
      const others = all.filter((m) => m.metadata.namespace === namespace && !leaves(m))
      // Nothing is left on any node by now. The label goes first: after the finalizer there is nobody to take it off.
      if (others.every((m) => m === module)) {
        const body = { metadata: { labels: { [labels.containsModules]: null } } }
        await kube.patch(namespaces, { name: namespace }, body)
      }
      const finalizers = (module.metadata.finalizers ?? []).filter((f) => f !== moduleFinalizer)
      await setFinalizers(deps, module, finalizers)
    },
  } satisfies ModuleActivities)
}

/** Finalizers are one list: it is written only over the version it was read from. */
async function setFinalizers(deps: Dependencies, module: StoredModule, finalizers: readonly string[]) {
  const { namespace, name, uid, resourceVersion } = module.metadata
  const body = { metadata: { uid, resourceVersion, finalizers } }
  const written = await deps.kube.patch(modules, { namespace, name }, body)
  switch (written.kind) {
    case 'written':
      return { Module: written.object.metadata.resourceVersion }
    case 'gone':
      return {}
    case 'modified':
      throw ApplicationFailure.retryable('The Module changed meanwhile; it is read again.', 'KubeConflict')
  }
}
