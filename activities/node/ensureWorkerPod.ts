import { ApplicationFailure } from '@temporalio/common'
import { annotations, labels, workerPodName } from '../../api/names.ts'
import { podFacts } from '../../api/objectFacts.ts'
import { accessHash } from '../../api/workerPodCommand.ts'
import { catchUpMs } from '../caughtUp.ts'
import type { PodRef } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { classifyPodRejection, type PodRejection } from '../kube/errors.ts'
import { nodePullSecrets } from '../registry/logins.ts'
import { workerPod, type WorkerPodInput } from './workerPod.ts'
import { pods, type Pod } from '../kube/resources.ts'
import type { Created } from '../kube/kube.ts'
import type { PodBody } from '../podBody.ts'
import type { RecordRef } from './record.ts'

/**
 * Finds or makes the worker pod of an action. Undefined when a pod of another action or config has the name, which
 * is one per node and Module: then the node has to be looked at again. A pod that anybody else has put in its place is
 * removed, or, where it has no label of ours, waited for.
 */
export async function ensureWorkerPod(
  deps: Dependencies,
  input: Omit<WorkerPodInput, 'owner' | 'worker' | 'workerImage' | 'pullSecrets'> & {
    readonly record: RecordRef
  },
  refused: (rejection: PodRejection) => Promise<never>,
): Promise<PodRef | undefined> {
  const { record, ref, node, action, configHash, entry } = input
  const { namespace } = ref
  const name = workerPodName(node.uid, ref)
  const owner = { name: record.name, uid: record.uid }
  const { workerImage, config } = deps
  const { worker } = config
  const pullSecrets =
    entry.imageRepoSecret === undefined && worker.imagePullSecrets.length === 0
      ? []
      : await nodePullSecrets(deps.kube, namespace, entry, worker.imagePullSecrets)
  const body = workerPod({ ...input, owner, worker, pullSecrets, workerImage })
  const hash = { [annotations.workerHash]: accessHash(entry) }
  const metadata = { ...body.metadata, annotations: { ...body.metadata.annotations, ...hash } }
  const made = await create(deps, { ...body, metadata }, refused)
  const { uid, resourceVersion, labels: found = {} } = made.object.metadata
  // The cache must know the pod before its absence can mean that it is gone.
  if (!(await deps.cache.caughtUp({ Pod: resourceVersion }, catchUpMs))) {
    throw ApplicationFailure.retryable('The cache does not know the worker pod yet.', 'CacheBehind')
  }
  const pod = { namespace, name, uid }
  if (made.kind === 'created') return pod
  if (found[labels.workerAction] !== action || found[labels.configHash] !== configHash) {
    if (found[labels.moduleName] === ref.name) return undefined
    throw ApplicationFailure.retryable(
      `Pod ${namespace}/${name} of another owner is in the way.`,
      'PodNameTaken',
    )
  }
  const { runsLoader, nodeName } = podFacts(made.object)
  if (runsLoader === true && nodeName === node.name) return pod
  await deps.kube.delete(pods, pod, { uid })
  throw ApplicationFailure.retryable(
    `Pod ${namespace}/${name} could not load a module; it is removed.`,
    'PodNotOurs',
  )
}

/** Some quotas forbid the class outside of kube-system; a pod of no class still loads, when the kubelet has room. */
async function create(
  deps: Dependencies,
  body: PodBody,
  refused: (rejection: PodRejection) => Promise<never>,
): Promise<Created<Pod>> {
  try {
    return await deps.kube.create(pods, body)
  } catch (error) {
    const rejection = classifyPodRejection(error, body.metadata.namespace)
    if (rejection === undefined) throw error
    const { priorityClassName, ...spec } = body.spec
    if (rejection.reason !== 'Quota' || priorityClassName === undefined) return await refused(rejection)
    return await create(deps, { ...body, spec }, refused)
  }
}
