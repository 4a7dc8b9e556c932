import { ApplicationFailure } from '@temporalio/common'
import { viewKernel } from '../api/viewKernel.ts'
import { checkImage, watchHold } from './build/checkImage.ts'
import { createBuildPod } from './build/createBuildPod.ts'
import { followBuildPod } from './build/followBuildPod.ts'
import type { KernelActivities } from './contract.ts'
import { viewSettings, type Dependencies } from './dependencies.ts'
import { answering } from './answering.ts'
import { workOnNode } from './node/workOnNode.ts'
import { removePod } from './removePod.ts'
import { applyKernelStatus } from './status.ts'

/** How long a read waits for its own cache to be as new as the doorbell. */
const catchUpMs = 10_000

/** The activities of kernel runs over real clients. */
export function createKernelActivities(deps: Dependencies): KernelActivities {
  return answering({
    async readKernel({ subject, seen }) {
      if (!(await deps.cache.caughtUp(seen, catchUpMs))) {
        throw ApplicationFailure.retryable('The cache is behind the change that rang.', 'CacheBehind')
      }
      const { view, facts } = viewKernel(deps.cache, subject.ref, subject.kernel, viewSettings(deps))
      return { uid: facts.module?.metadata.uid, view }
    },
    reportKernel: async ({ subject, entry }) => ({ seen: await applyKernelStatus(deps, subject, entry) }),
    checkImage: async (request) => await checkImage(deps, request),
    createBuildPod: async (request) => await createBuildPod(deps, request),
    followBuildPod: async (request) => await followBuildPod(deps, request),
    removePod: async ({ pod }) => await removePod(deps, pod),
    watchHold: async (request) => await watchHold(deps, request),
    workOnNode: async (request) => await workOnNode(deps, request),
  })
}
