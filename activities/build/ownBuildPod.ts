import { Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { apiVersion, kernelOfRun, labels, moduleKey, type ModuleRef } from '../../api/names.ts'
import type { PodRef } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { pods, type Pod } from '../kube/resources.ts'

const kinds: readonly (string | undefined)[] = ['BuildImage', 'SignImage']

/** Is this a pod that builds or signs an image for a Module of this name? */
export function isBuildPodOf({ metadata }: Pod, module: ModuleRef): boolean {
  const { namespace, labels: its = {}, ownerReferences = [] } = metadata
  const isOwner = (owner: (typeof ownerReferences)[number]) =>
    owner.kind === 'Module' && owner.apiVersion === apiVersion && owner.name === module.name
  return (
    namespace === module.namespace &&
    its[labels.moduleName] === module.name &&
    kinds.includes(its[labels.resourceType]) &&
    ownerReferences.some(isOwner)
  )
}

/**
 * Looks before a pod is followed or deleted that a request names: the operator may delete every pod and read every log
 * of the cluster, a run only what is of its own builds. Resolves with the pod, undefined when it is gone.
 * @throws ApplicationFailure `NoBuildPod`
 */
export async function expectOwnBuildPod(
  { kube }: Pick<Dependencies, 'kube'>,
  pod: PodRef,
  module = moduleOfThisRun(),
): Promise<Pod | undefined> {
  const found = await kube.get(pods, pod)
  if (found?.metadata.uid !== pod.uid) return undefined
  if (module !== undefined && isBuildPodOf(found, module)) return found
  const whose = module === undefined ? 'no run of a Module' : `Module ${moduleKey(module)}`
  throw ApplicationFailure.nonRetryable(
    `Pod ${pod.namespace}/${pod.name} builds nothing for ${whose}: it is left alone.`,
    'NoBuildPod',
  )
}

function moduleOfThisRun(): ModuleRef | undefined {
  return kernelOfRun(Context.current().info.workflowExecution?.workflowId ?? '')?.ref
}
