import { moduleKey, type ModuleRef } from '../../api/names.ts'
import type { Call } from '../call.ts'
import { gapSentence, ownPods, type ReadObjects } from '../cluster/read.ts'
import { snapshotOf, type ClusterObjects } from '../cluster/snapshot.ts'
import { ForbiddenError } from '../kube/errors.ts'
import { follow, type Followed } from '../kube/follow.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import { openDisplay } from './statusDisplay.ts'
import { reportStatus } from './statusReport.ts'

/**
 * Shows a Module at every change until Ctrl-C, or until it is gone. Dockerfiles are those of the beginning: what comes
 * of a changed one shows in the status.
 */
export async function watchStatus(
  call: Call,
  ref: ModuleRef,
  { objects: first, gaps }: ReadObjects,
): Promise<void> {
  const over = new AbortController()
  const ending = AbortSignal.any([call.surroundings.signal, over.signal])
  const display = openDisplay(call)
  let objects = first
  const look = () => {
    const report = reportStatus(snapshotOf(objects), ref)
    if (report === undefined) over.abort()
    else display.show(report)
  }
  const track = async (what: keyof ClusterObjects, followed: Followed) => {
    if (gaps.some((gap) => gap.what === what)) return
    const onChange = (found: readonly StoredObject[]) => {
      objects = { ...objects, [what]: found }
      display.mended(what)
      look()
    }
    const onTrouble = (why: string) => display.trouble(what, `${why}; trying again`)
    try {
      await follow(call.cluster, followed, { onChange, onTrouble }, ending)
    } catch (error) {
      // Who may list may not always watch.
      if (!(error instanceof ForbiddenError)) throw error
      display.trouble(what, error.message)
    }
  }
  const { namespace, name } = ref
  const place = { namespace }
  try {
    for (const gap of gaps) display.trouble(gap.what, `${gap.what} ${gapSentence(gap)}`)
    look()
    await Promise.all([
      track('modules', { kind: kinds.modules, place, fieldSelector: `metadata.name=${name}` }),
      track('nodes', { kind: kinds.nodes, place: {} }),
      track('nodeModulesConfigs', { kind: kinds.nodeModulesConfigs, place: {} }),
      track('pods', { kind: kinds.pods, place, labelSelector: ownPods }),
    ])
  } finally {
    display.close()
  }
  if (over.signal.aborted) call.note(`Module ${moduleKey(ref)} is gone.`)
}
