import { Context } from '@temporalio/activity'
import { viewKernel } from '../api/viewKernel.ts'
import { checkImage, watchHold } from './build/checkImage.ts'
import { giveUpClaim } from './build/claim.ts'
import { createBuildPod } from './build/createBuildPod.ts'
import { followBuildPod } from './build/followBuildPod.ts'
import { expectOwnBuildPod } from './build/ownBuildPod.ts'
import { verifyDigests } from './build/verifyDigests.ts'
import type { KernelActivities } from './contract.ts'
import { viewSettings, type Dependencies } from './dependencies.ts'
import { tell } from './events/tell.ts'
import { answering } from './answering.ts'
import { caughtUpWith } from './caughtUp.ts'
import { heartbeating } from './heartbeat.ts'
import { workOnNode } from './node/workOnNode.ts'
import { removePod } from './removePod.ts'
import { applyKernelStatus } from './status.ts'
import { thisActivity } from './thisActivity.ts'

/** The activities of kernel runs over real clients. */
export function createKernelActivities(deps: Dependencies): KernelActivities {
  const caughtUp = caughtUpWith(deps.cache)
  const ofEveryRun = {
    readKernel: caughtUp(async ({ subject }) => {
      const { view, facts } = viewKernel(deps.cache, subject.ref, subject.kernel, viewSettings(deps))
      return { uid: facts.uid, view }
    }),
    reportKernel: caughtUp(async ({ subject, entry, holds }) => {
      await verifyDigests(deps, subject, entry)
      const seen = await applyKernelStatus(deps, subject, entry)
      for (const hold of holds?.begun ?? []) await tell(deps, subject, { kind: 'Held', hold })
      for (const hold of holds?.ended ?? [])
        await tell(deps, subject, { kind: 'HoldReleased', hold, activity: thisActivity() })
      return { seen }
    }),
  } satisfies Partial<KernelActivities>
  const ofSteps = {
    checkImage: caughtUp(async (request) => await beating(() => checkImage(deps, request))),
    createBuildPod: caughtUp(async (request) => await beating(() => createBuildPod(deps, request))),
    followBuildPod: caughtUp(async (request) => {
      const outcome = await followBuildPod(deps, request)
      await giveUpClaim(deps, request.image)
      return outcome
    }),
    async removeBuildPod({ pod, image, signs, stopped, atOnce = false }) {
      await expectOwnBuildPod(deps, pod)
      await removePod(deps, pod, atOnce ? 0 : undefined)
      await giveUpClaim(deps, image)
      if (stopped === undefined) return
      const stage = signs ? 'sign' : 'build'
      await tell(deps, stopped.subject, { kind: 'BuildStopped', stage, pod, why: stopped.why })
    },
    watchHold: caughtUp(async (request) => await beating(() => watchHold(deps, request))),
    workOnNode: caughtUp(async (request) => await workOnNode(deps, request)),
  } satisfies Partial<KernelActivities>
  return { ...answering(ofEveryRun, 'areAskedAgain'), ...answering(ofSteps) }
}

async function beating<T>(work: () => Promise<T>): Promise<T> {
  const { heartbeat } = Context.current()
  return await heartbeating(() => heartbeat(), work)
}
