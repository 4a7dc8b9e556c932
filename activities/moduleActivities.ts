import { ApplicationFailure } from '@temporalio/common'
import { storedModule } from '../api/facts.ts'
import type { Condition } from '../api/module.ts'
import { annotations, apiVersion, kernelRunId, labels, moduleFinalizer } from '../api/names.ts'
import type { StoredModule } from '../api/readModule.ts'
import { kernelsToCancel, kernelsToRetry } from '../api/steering.ts'
import { viewModule } from '../api/viewModule.ts'
import { answering } from './answering.ts'
import { giveUpClaim } from './build/claim.ts'
import { caughtUpWith } from './caughtUp.ts'
import type { KernelSubject, ModuleActivities, ModuleSubject, Seen } from './contract.ts'
import type { Dependencies } from './dependencies.ts'
import { tell } from './events/tell.ts'
import { isBodyRefused } from './kube/errors.ts'
import { thisActivity } from './thisActivity.ts'
import type { Written } from './kube/kube.ts'
import { type CustomObject, modules, namespaces } from './kube/resources.ts'

/** Owner of counters and conditions in the Module's status. */
const fieldManager = 'kmm:module'

/** The activities of module runs over real clients. */
export function createModuleActivities(deps: Dependencies): ModuleActivities {
  const { kube, cache } = deps
  const now = () => new Date().toISOString()
  const caughtUp = caughtUpWith(cache)
  const moduleOf = ({ ref, uid }: ModuleSubject): StoredModule | undefined => {
    const module = storedModule(cache, ref)
    return module?.metadata.uid === uid ? module : undefined
  }
  /** Acts on the kernels that an annotation is about, then takes it off, whether there were any or not. */
  const takeAnnotation = async (
    subject: ModuleSubject,
    annotation: string,
    kernelsFor: (module: StoredModule, which: string) => readonly string[],
    act: (kernel: KernelSubject) => Promise<void>,
  ): Promise<{ seen: Seen }> => {
    const module = moduleOf(subject)
    const which = module?.metadata.annotations?.[annotation]
    if (module === undefined || which === undefined) return { seen: {} }
    const { namespace, name, uid, resourceVersion } = module.metadata
    for (const kernel of kernelsFor(module, which)) await act({ ...subject, kernel })
    const body = { metadata: { uid, resourceVersion, annotations: { [annotation]: null } } }
    return { seen: seenOf(await kube.patch(modules, { namespace, name }, body)) }
  }
  const activities: ModuleActivities = {
    readModule: caughtUp(async ({ subject }) => {
      const { view, module } = viewModule(cache, subject.ref, now())
      return { uid: module?.metadata.uid, view }
    }),
    guardModule: caughtUp(async ({ subject }) => {
      const module = moduleOf(subject)
      if (module === undefined) return { seen: {} }
      const { namespace } = subject.ref
      await kube.patch(
        namespaces,
        { name: namespace },
        { metadata: { labels: { [labels.containsModules]: '' } } },
      )
      return {
        seen: await setFinalizers(deps, module, [...(module.metadata.finalizers ?? []), moduleFinalizer]),
      }
    }),
    takeRetry: caughtUp(
      async ({ subject }) =>
        await takeAnnotation(subject, annotations.retryBuild, kernelsToRetry, (kernel) =>
          deps.runs.retryKernel(kernel, 'the annotation retry-build'),
        ),
    ),
    takeRebuild: caughtUp(async ({ subject }) => {
      const { view, refusedRebuilds } = viewModule(cache, subject.ref, now())
      if (view.rebuild === undefined) return { seen: {} }
      const refused = new Map(refusedRebuilds.map(({ kernel, why }) => [kernel, why]))
      const concerned = (module: StoredModule, which: string) => [
        ...new Set([...refused.keys(), ...kernelsToRetry(module, which)]),
      ]
      return await takeAnnotation(subject, annotations.rebuild, concerned, async (kernel) => {
        const why = refused.get(kernel.kernel)
        if (why === undefined) return await deps.runs.retryKernel(kernel, 'the annotation rebuild')
        await tell(deps, kernel, { kind: 'RebuildRefused', why, activity: thisActivity() })
      })
    }),
    takeCancel: caughtUp(
      async ({ subject }) =>
        await takeAnnotation(subject, annotations.cancelBuild, kernelsToCancel, (kernel) =>
          deps.runs.cancelKernel(kernel),
        ),
    ),
    summarizeModule: caughtUp(async ({ subject }) => {
      const { summary, module } = viewModule(cache, subject.ref, now())
      if (module === undefined || summary === undefined || module.metadata.uid !== subject.uid)
        return { seen: {} }
      const { namespace, name, uid } = module.metadata
      const apply = async (conditions: readonly Condition[]) => {
        const status = { ...summary, conditions }
        const body = { apiVersion, kind: 'Module', metadata: { namespace, name, uid }, status }
        return await kube.applyObject(body, { fieldManager, force: true, subresource: 'status' })
      }
      const written = await apply(summary.conditions).catch(async (error: unknown) => {
        if (!isBodyRefused(error)) throw error
        // Without the words the rest is still true, and better than what is stored.
        const message = `The API server refuses the message of this condition, with ${error.code}.`
        return await apply(summary.conditions.map((condition) => ({ ...condition, message })))
      })
      return { seen: written.kind === 'written' ? { Module: written.object.metadata.resourceVersion } : {} }
    }),
    releaseModule: caughtUp(async ({ subject }) => {
      const module = moduleOf(subject)
      if (module === undefined) return
      const { namespace } = subject.ref
      // Of two that leave at the same time each must not count on the other.
      const leaves = (m: StoredModule) =>
        m.metadata.deletionTimestamp !== undefined &&
        viewModule(cache, m.metadata, now()).view.remains.length === 0
      // Without its finalizer nobody would unload it: that it may go is no matter of what a workflow says.
      if (!leaves(module))
        throw ApplicationFailure.retryable(
          'The Module is not at its end: its finalizer stays.',
          'ModuleRemains',
        )
      const all: readonly StoredModule[] = [...cache.modules(), ...cache.unreadableModules()]
      const others = all.filter((m) => m.metadata.namespace === namespace && !leaves(m))
      // An operator that was lost may have left a claim without a pod.
      for (const { kernel, image, unsigned } of module.status?.kernels ?? []) {
        for (const made of [image, unsigned?.image])
          if (made !== undefined)
            await giveUpClaim(deps, made, kernelRunId(deps.cluster, subject.ref, kernel))
      }
      // Nothing is left on any node by now. The label goes first: after the finalizer there is nobody to take it off.
      if (others.every((m) => m === module)) {
        const body = { metadata: { labels: { [labels.containsModules]: null } } }
        await kube.patch(namespaces, { name: namespace }, body)
      }
      const finalizers = (module.metadata.finalizers ?? []).filter((f) => f !== moduleFinalizer)
      await setFinalizers(deps, module, finalizers)
    }),
  }
  return answering(activities, 'areAskedAgain')
}

/** Finalizers are one list: it is written only over the version it was read from. */
async function setFinalizers(
  deps: Dependencies,
  module: StoredModule,
  finalizers: readonly string[],
): Promise<Seen> {
  const { namespace, name, uid, resourceVersion } = module.metadata
  const body = { metadata: { uid, resourceVersion, finalizers } }
  return seenOf(await deps.kube.patch(modules, { namespace, name }, body))
}

/** What was written over the version that was read; another version is read again. */
function seenOf(written: Written<CustomObject>): Seen {
  switch (written.kind) {
    case 'written':
      return { Module: written.object.metadata.resourceVersion }
    case 'gone':
      return {}
    case 'modified':
      throw ApplicationFailure.retryable('The Module changed meanwhile; it is read again.', 'KubeConflict')
  }
}
