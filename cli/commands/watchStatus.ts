import { moduleKey, type ModuleRef } from '../../api/names.ts'
import type { Call } from '../call.ts'
import { ownPods, type ReadObjects } from '../cluster/read.ts'
import { snapshotOf, type ClusterObjects } from '../cluster/snapshot.ts'
import { ForbiddenError } from '../kube/errors.ts'
import { follow, type Followed } from '../kube/follow.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import { reportStatus, statusTree, type StatusReport } from './statusReport.ts'

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
  const show = createScreen(call)
  let objects = first
  const look = () => {
    const report = reportStatus(snapshotOf(objects), ref)
    if (report !== undefined) return show(report)
    call.note(`Module ${moduleKey(ref)} is gone.`)
    over.abort()
  }
  const track = async (what: keyof ClusterObjects, followed: Followed) => {
    if (gaps.some((gap) => gap.what === what)) return
    const onChange = (found: readonly StoredObject[]) => {
      objects = { ...objects, [what]: found }
      look()
    }
    const onTrouble = (why: string) => call.note(`${why}; trying again`)
    try {
      await follow(call.cluster, followed, { onChange, onTrouble }, ending)
    } catch (error) {
      // Who may list may not always watch.
      if (!(error instanceof ForbiddenError)) throw error
      call.note(error.message)
    }
  }
  look()
  // On a screen the time that has passed changes too.
  const clock = isScreen(call) ? setInterval(look, 1_000) : undefined
  const { namespace, name } = ref
  const place = { namespace }
  try {
    await Promise.all([
      track('modules', { kind: kinds.modules, place, fieldSelector: `metadata.name=${name}` }),
      track('nodes', { kind: kinds.nodes, place: {} }),
      track('nodeModulesConfigs', { kind: kinds.nodeModulesConfigs, place: {} }),
      track('pods', { kind: kinds.pods, place, labelSelector: ownPods }),
    ])
  } finally {
    clearInterval(clock)
  }
}

function isScreen(call: Call): boolean {
  return call.surroundings.stdout.isTTY === true && (call.format === 'text' || call.format === 'wide')
}

const clearScreen = '\u001B[H\u001B[J'

/** A screen is drawn anew each time; elsewhere only what has changed is written, for programs in one line. */
function createScreen(call: Call): (report: StatusReport) => void {
  const wide = call.format === 'wide'
  const draw = (report: StatusReport) => statusTree(report, { style: call.style, now: Date.now(), wide })
  let shown = ''
  return (report) => {
    if (isScreen(call)) return call.write(clearScreen + draw(report))
    const text = JSON.stringify(report)
    if (text === shown) return
    shown = text
    if (call.format === 'json') call.write(text)
    else call.print(report, () => `${draw(report)}\n`)
  }
}
