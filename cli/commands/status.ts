import type { NodeObject, PodObject } from '../../api/kubernetesObjects.ts'
import type { ModuleRef } from '../../api/names.ts'
import type { Call } from '../call.ts'
import { gapSentence, ownPods, readAround, type Gap } from '../cluster/read.ts'
import { snapshotOf, type ClusterObjects } from '../cluster/snapshot.ts'
import { exitCodes } from '../exitCodes.ts'
import { ForbiddenError } from '../kube/errors.ts'
import { follow } from '../kube/follow.ts'
import { kinds, type Kind, type StoredObject } from '../kube/resources.ts'
import { reportStatus, statusTree, type StatusReport } from './statusReport.ts'

/** `kubectl kmod status MODULE` */
export async function status(call: Call) {
  const [name = ''] = call.arguments
  const ref = { namespace: call.namespace, name }
  const { objects, gaps } = await readAround(call.cluster, ref)
  if (call.isSet('watch')) return await watchStatus(call, ref, objects, gaps)
  const report = reportStatus(snapshotOf(objects), ref)
  call.print(report, () => (report === undefined ? '' : draw(call, report)))
  tellGaps(call, gaps)
  return exitCodes.ok
}

/** Says once what this user may not see. */
export function tellGaps(call: Call, gaps: readonly Gap[]): void {
  for (const gap of gaps) call.note(`${gap.what} ${gapSentence(gap)}`)
}

function draw(call: Call, report: StatusReport): string {
  return statusTree(report, { style: call.style, now: Date.now(), wide: call.format === 'wide' })
}

const clearScreen = '\u001B[H\u001B[J'

/** Shows every change until Ctrl-C, or until the Module is gone. */
async function watchStatus(call: Call, ref: ModuleRef, first: ClusterObjects, gaps: readonly Gap[]) {
  const { stdout, signal } = call.surroundings
  const over = new AbortController()
  const ending = AbortSignal.any([signal, over.signal])
  const screen = stdout.isTTY === true && (call.format === 'text' || call.format === 'wide')
  let objects = first
  let shown = ''
  const show = (again: boolean) => {
    const report = reportStatus(snapshotOf(objects), ref)
    const text = JSON.stringify(report ?? null)
    if (text === shown && !again) return
    shown = text
    if (report === undefined) {
      call.note(`Module ${ref.namespace}/${ref.name} is gone.`)
      over.abort()
    } else if (screen) call.write(clearScreen + draw(call, report))
    else if (call.format === 'json') call.write(text)
    else call.print(report, () => `${draw(call, report)}\n`)
  }
  tellGaps(call, gaps)
  show(true)
  // The time that has passed is all that changes by itself.
  const clock = screen ? setInterval(() => show(true), 1_000) : undefined
  const { namespace, name } = ref
  const denied = new Set(gaps.map(({ what }) => what))
  const track = async <T extends StoredObject>(
    what: keyof ClusterObjects,
    kind: Kind,
    more: { readonly namespace?: string; readonly labelSelector?: string; readonly fieldSelector?: string },
  ) => {
    if (denied.has(what)) return
    const { namespace: place, ...selection } = more
    const take = (found: readonly T[]) => {
      objects = { ...objects, [what]: found }
      show(false)
    }
    await follow<T>(call.cluster, { kind, place: { namespace: place }, ...selection }, take, ending).catch(
      (error: unknown) => {
        if (!(error instanceof ForbiddenError)) throw error
        call.note(error.message)
      },
    )
  }
  try {
    await Promise.all([
      track('modules', kinds.modules, { namespace, fieldSelector: `metadata.name=${name}` }),
      track<StoredObject & NodeObject>('nodes', kinds.nodes, {}),
      track('nodeModulesConfigs', kinds.nodeModulesConfigs, {}),
      track<StoredObject & PodObject>('pods', kinds.pods, { namespace, labelSelector: ownPods }),
    ])
  } finally {
    clearInterval(clock)
  }
  return exitCodes.ok
}
