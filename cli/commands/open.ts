import { moduleKey } from '../../api/names.ts'
import type { Call } from '../call.ts'
import { storedOf } from '../cluster/storedOf.ts'
import { CliError, exitCodes } from '../exitCodes.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import { table } from '../output/table.ts'
import { temporalPlace } from '../temporal/connect.ts'

const defaultUi = 'http://localhost:8233'

/** `kubectl kmod open MODULE`: where the runs of a Module are in the Temporal UI. Temporal itself is not asked. */
export async function open(call: Call) {
  const [name = ''] = call.arguments
  const { env } = call.surroundings
  const ref = { namespace: call.namespace, name }
  const object = await call.cluster.get<StoredObject>(kinds.modules, ref)
  if (object === undefined) throw new CliError(`There is no Module ${moduleKey(ref)}.`, exitCodes.notFound)
  const { status } = storedOf(object)
  const kernel = call.flag('kernel')
  const ui = call.flag('ui') ?? env['TEMPORAL_UI_ADDRESS'] ?? defaultUi
  const namespace = (await temporalPlace(call))?.namespace ?? 'default'
  const runs = (status?.kernels ?? [])
    .filter((entry) => kernel === undefined || entry.kernel === kernel)
    .flatMap(({ kernel: of, workflowId, runId }) =>
      workflowId === undefined || runId === undefined
        ? []
        : [{ kernel: of, address: runAddress(ui, namespace, workflowId, runId) }],
    )
  if (runs.length === 0) {
    throw new CliError(`No run of Module ${moduleKey(ref)} stands in its status yet.`, exitCodes.notFound)
  }
  call.print({ runs }, () =>
    call.format === 'wide'
      ? table(
          ['KERNEL', 'ADDRESS'],
          runs.map(({ kernel: of, address }) => [of, address]),
        )
      : runs.map(({ address }) => address).join('\n'),
  )
  return exitCodes.ok
}

/** Page of a run in the Temporal UI. */
export function runAddress(ui: string, namespace: string, workflowId: string, runId: string): string {
  const parts = ['namespaces', namespace, 'workflows', workflowId, runId, 'history'].map(encodeURIComponent)
  return `${ui.replace(/\/+$/u, '')}/${parts.join('/')}`
}
