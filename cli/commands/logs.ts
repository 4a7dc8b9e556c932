import type { KernelStatus } from '../../api/module.ts'
import { annotations, labels, type ModuleRef } from '../../api/names.ts'
import type { PodFacts } from '../../api/facts.ts'
import type { PodObject } from '../../api/kubernetesObjects.ts'
import type { StoredModule } from '../../api/readModule.ts'
import { podFacts } from '../../api/objectFacts.ts'
import { countOf, usageError } from '../args/parse.ts'
import type { Call } from '../call.ts'
import { storedOf } from '../cluster/storedOf.ts'
import { CliError, exitCodes } from '../exitCodes.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import { temporalPlace, withTemporal, type TemporalPlace } from '../temporal/connect.ts'
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
  const wanted = call.flag('attempt')
  const attempt = wanted === undefined ? undefined : countOf({ name: 'logs' }, 'attempt', wanted)
  const object = await call.cluster.get<StoredObject>(kinds.modules, ref)
  const module = object && storedOf(object)
  const status = module?.status
  const kernel = call.flag('kernel') ?? onlyKernel(ref, status?.kernels ?? [])
  const entry = status?.kernels?.find((k) => k.kernel === kernel)
  const pod = await findPod(call, ref, { kernel, attempt, last: entry?.buildPod })
  if (pod !== undefined && (await call.orNote(false, () => followLog(call, pod)))) return exitCodes.ok
  const place = await temporalPlace(call)
  const kept = { ref, kernel, attempt, module }
  if (place !== undefined && (await call.orNote(false, () => printKept(call, place, kept))))
    return exitCodes.ok
  const more = place === undefined ? withTemporalMore : ''
  if (entry?.errorLines !== undefined && (attempt === undefined || attempt === entry.attempt)) {
    call.note(`The log is not to be had; these are the error lines that status keeps.${more}`)
    call.write(entry.errorLines)
    return exitCodes.ok
  }
  const which = attempt === undefined ? 'a build' : `attempt ${attempt}`
  throw new CliError(
    `There is no log of ${which} of Module ${ref.namespace}/${name} for kernel ${kernel ?? 'any'}.${more}`,
    exitCodes.notFound,
  )
}

const withTemporalMore =
  ' Temporal keeps the logs of builds whose pods are gone: give --temporal-address HOST:PORT.'

/** The kernel that is meant when nobody says it: the only one, or the only one with a build. */
function onlyKernel({ namespace, name }: ModuleRef, kernels: readonly KernelStatus[]): string | undefined {
  const built = kernels.filter(({ buildPod }) => buildPod !== undefined)
  const possible = built.length > 0 ? built : kernels
  if (possible.length <= 1) return possible[0]?.kernel
  const names = possible.map(({ kernel }) => kernel).join(', ')
  throw usageError(
    { name: 'logs' },
    `Module ${namespace}/${name} has several kernels: give --kernel, one of ${names}`,
  )
}

async function findPod(
  call: Call,
  { namespace, name }: ModuleRef,
  {
    kernel,
    attempt,
    last,
  }: {
    readonly kernel: string | undefined
    readonly attempt: number | undefined
    /** Name of the pod that status knows: builds and signings count their attempts apart. */
    readonly last: string | undefined
  },
): Promise<PodFacts | undefined> {
  const labelSelector = `${labels.moduleName}=${name},${labels.resourceType} in (BuildImage,SignImage)`
  const found = await call.orNote<readonly PodFacts[]>([], async () => {
    const { items } = await call.cluster.list<StoredObject & PodObject>(
      kinds.pods,
      { namespace },
      { labelSelector },
    )
    return items.map(podFacts)
  })
  const number = (pod: PodFacts) => Number(pod.labels[labels.attempt] ?? 1)
  const rank = (pod: PodFacts) =>
    pod.name === last ? 2 : Number(pod.labels[labels.resourceType] === 'SignImage')
  return found
    .filter((pod) => kernel === undefined || pod.annotations[annotations.kernel] === kernel)
    .filter((pod) => attempt === undefined || number(pod) === attempt)
    .filter(({ state }) => state.kind !== 'pending')
    .toSorted((a, b) => rank(b) - rank(a) || number(b) - number(a))[0]
}

/** A log that cannot be read throws: its node may be gone, or the right be missing. */
async function followLog(call: Call, pod: PodFacts): Promise<true> {
  const { namespace, name, state } = pod
  const { signal } = call.surroundings
  const place = { namespace, name, subresource: 'log' }
  // What failed before the executor began says why.
  const failed = state.kind === 'failed' && state.container !== undefined
  const query = {
    ...(state.kind === 'running' && { follow: true }),
    ...(failed && { container: state.container }),
  }
  for await (const chunk of await call.cluster.stream('get', kinds.pods, place, query, signal)) {
    call.output.write(chunk)
  }
  call.output.end()
  return true
}

interface KeptLog {
  readonly ref: ModuleRef
  readonly kernel: string | undefined
  readonly attempt: number | undefined
  readonly module: StoredModule | undefined
}

/** The newest log that Temporal keeps of such a build; false when there is none. */
async function printKept(
  call: Call,
  place: TemporalPlace,
  { ref, kernel, attempt, module }: KeptLog,
): Promise<boolean> {
  const cluster = await clusterName(call.cluster, ref, module)
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
