import type { KernelStatus } from '../../api/module.ts'
import { annotations, labels, type ModuleRef } from '../../api/names.ts'
import type { PodFacts } from '../../api/facts.ts'
import type { PodObject } from '../../api/kubernetesObjects.ts'
import { podFacts } from '../../api/objectFacts.ts'
import { parseModule } from '../../api/readModule.ts'
import { usageError } from '../args/parse.ts'
import type { Call } from '../call.ts'
import { noObjects, snapshotOf } from '../cluster/snapshot.ts'
import { CliError, exitCodes } from '../exitCodes.ts'
import { ForbiddenError } from '../kube/errors.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import { temporalPlace, withTemporal } from '../temporal/connect.ts'
import { clusterName, eventsOf, listRuns } from '../temporal/runs.ts'
import { buildsOf } from '../temporal/timeline.ts'

/** So many runs are searched for a log that was kept. */
const searchedRuns = 50

/**
 * `kubectl kmod logs MODULE`: of the build pod while there is one, live; else the tail that Temporal keeps; else the
 * error lines in status. Says what it could not show.
 */
export async function logs(call: Call) {
  const [name = ''] = call.arguments
  const ref = { namespace: call.namespace, name }
  const attempt = attemptOf(call)
  const object = await call.cluster.get<StoredObject>(kinds.modules, ref)
  const parsed = object && parseModule(object)
  const status = parsed?.ok === true ? parsed.module.status : parsed?.unreadable?.status
  const kernel = call.flag('kernel') ?? onlyKernel(ref, status?.kernels ?? [])
  const pod = await findPod(call, ref, kernel, attempt)
  if (pod !== undefined) return await followLog(call, pod)
  const entry = status?.kernels?.find((k) => k.kernel === kernel)
  if (await printKept(call, { ref, kernel, attempt, object })) return exitCodes.ok
  if (entry?.errorLines !== undefined && (attempt === undefined || attempt === entry.attempt)) {
    call.note(`The build pod is gone; these are the error lines that status keeps.${moreWithTemporal(call)}`)
    call.write(entry.errorLines)
    return exitCodes.ok
  }
  const which = attempt === undefined ? 'a build' : `attempt ${attempt}`
  throw new CliError(
    `There is no log of ${which} of Module ${ref.namespace}/${name} for kernel ${kernel ?? 'any'}.${moreWithTemporal(call)}`,
    exitCodes.notFound,
  )
}

function moreWithTemporal(call: Call): string {
  return temporalPlace(call) === undefined
    ? ' Temporal keeps the logs of builds whose pods are gone: give --temporal-address HOST:PORT.'
    : ''
}

function attemptOf(call: Call): number | undefined {
  const text = call.flag('attempt')
  if (text === undefined || /^[1-9]\d*$/u.test(text)) return text === undefined ? undefined : Number(text)
  throw usageError({ name: 'logs' }, `--attempt ${text}: give a number from 1 on`)
}

/** The kernel that is meant when nobody says it: the only one, or the only one with a build. */
function onlyKernel({ namespace, name }: ModuleRef, kernels: readonly KernelStatus[]): string | undefined {
  const built = kernels.filter(({ buildPod }) => buildPod !== undefined)
  const [first, ...others] = built.length > 0 ? built : kernels
  if (others.length === 0) return first?.kernel
  const names = built.map(({ kernel }) => kernel).join(', ')
  throw usageError(
    { name: 'logs' },
    `Module ${namespace}/${name} has builds for several kernels: give --kernel, one of ${names}`,
  )
}

async function findPod(
  call: Call,
  { namespace, name }: ModuleRef,
  kernel: string | undefined,
  attempt: number | undefined,
): Promise<PodFacts | undefined> {
  const labelSelector = `${labels.moduleName}=${name},${labels.resourceType}=BuildImage`
  try {
    const { items } = await call.cluster.list<StoredObject & PodObject>(
      kinds.pods,
      { namespace },
      { labelSelector },
    )
    const number = (pod: PodFacts) => Number(pod.labels[labels.attempt] ?? 1)
    return items
      .map(podFacts)
      .filter((pod) => kernel === undefined || pod.annotations[annotations.kernel] === kernel)
      .filter((pod) => attempt === undefined || number(pod) === attempt)
      .filter(({ state }) => state.kind !== 'pending')
      .toSorted((a, b) => number(b) - number(a))[0]
  } catch (error) {
    if (!(error instanceof ForbiddenError)) throw error
    call.note(error.message)
    return undefined
  }
}

async function followLog(call: Call, pod: PodFacts) {
  const { namespace, name } = pod
  const { stdout, signal } = call.surroundings
  const place = { namespace, name, subresource: 'log' }
  const query = pod.state.kind === 'running' ? { follow: true } : {}
  for await (const chunk of await call.cluster.stream('get', kinds.pods, place, query, signal)) {
    stdout.write(chunk)
  }
  return exitCodes.ok
}

interface KeptLog {
  readonly ref: ModuleRef
  readonly kernel: string | undefined
  readonly attempt: number | undefined
  readonly object: StoredObject | undefined
}

/** The newest log that Temporal keeps of such a build; false when there is none, or Temporal is not named. */
async function printKept(call: Call, { ref, kernel, attempt, object }: KeptLog): Promise<boolean> {
  const place = temporalPlace(call)
  if (place === undefined) return false
  const snapshot = snapshotOf({ ...noObjects, modules: object === undefined ? [] : [object] })
  const cluster = await clusterName(call.cluster, snapshot, ref)
  return await withTemporal(call, place, async (client) => {
    for (const run of await listRuns(client, { ref, kernel, cluster }, searchedRuns)) {
      const wanted = buildsOf(await eventsOf(client, run)).find(
        ({ pod, log }) => log !== undefined && (attempt === undefined || pod.endsWith(`-${attempt}`)),
      )
      if (wanted?.log === undefined) continue
      call.note(`The end of the log of pod ${wanted.pod}, as Temporal keeps it; secrets are masked.`)
      call.write(wanted.log)
      return true
    }
    return false
  })
}
