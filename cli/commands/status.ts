import type { Call } from '../call.ts'
import { readAround } from '../cluster/read.ts'
import { snapshotOf } from '../cluster/snapshot.ts'
import { tellGaps } from '../cluster/tellGaps.ts'
import { exitCodes } from '../exitCodes.ts'
import { reportStatus, statusTree } from './statusReport.ts'
import { watchStatus } from './watchStatus.ts'

/** `kubectl kmod status MODULE` */
export async function status(call: Call) {
  const [name = ''] = call.arguments
  const ref = { namespace: call.namespace, name }
  const { objects, gaps } = await readAround(call.cluster, ref)
  if (call.isSet('watch')) {
    await watchStatus(call, ref, { objects, gaps })
    return exitCodes.ok
  }
  tellGaps(call, gaps)
  const report = reportStatus(snapshotOf(objects), ref)
  const { style, format } = call
  const drawing = { style, now: Date.now(), wide: format === 'wide' }
  call.print(report, () => (report === undefined ? '' : statusTree(report, drawing)))
  return exitCodes.ok
}
