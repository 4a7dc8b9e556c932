import { storedEntry } from '../../api/facts.ts'
import { viewKernel } from '../../api/viewKernel.ts'
import type { KernelStatus } from '../../api/module.ts'
import { kernelOfRun, kernelWords, labels } from '../../api/names.ts'
import {
  buildLimits,
  buildQueued,
  buildsBefore,
  nodelessBuilds,
  queuedSentence,
  waitsForTurn,
  type Turn,
} from '../../api/buildQueue.ts'
import { imageClaimed, isBuilding } from '../../api/claim.ts'
import { nodePullSecrets } from '../registry/logins.ts'
import { ApplicationFailure } from '@temporalio/common'
import type { BuildRequest, BuildStart, KernelSubject, Seen } from '../contract.ts'
import type { Dependencies } from '../dependencies.ts'
import { viewSettings } from '../dependencies.ts'
import { tell } from '../events/tell.ts'
import { classifyPodRejection } from '../kube/errors.ts'
import { pods, secrets } from '../kube/resources.ts'
import { readAuthorities } from '../registry/authorities.ts'
import { podRefusedReason } from '../podRefused.ts'
import { applyKernelStatus, moduleOf, storedReason, waitBecause } from '../status.ts'
import { sayWhy } from '../waitSaying.ts'
import { signPod } from '../sign/signPod.ts'
import { buildPod } from './buildPod.ts'
import { isOrdered } from './buildOrder.ts'
import { checkImage } from './checkImage.ts'
import { claimImage, claimsBefore, giveUpClaim } from './claim.ts'
import { recordClaimedPod, takeBuildPod } from './claimedPod.ts'
import { executorLogin } from './executorLogin.ts'
import { showsPushRight } from './pushRight.ts'
import { buildSecrets, secretObstacle, signSecrets } from './secretObstacle.ts'
import { versionOf } from './secretVersions.ts'

/** How soon something that a person mends outside our sight (a Secret, a label, a quota) is tried again. */
const outsidePaceMs = 15_000

/** A watch that is this late has been lost; the next attempt finds the pod it made. */
const seenWithinMs = 60_000

/** How soon an image that another run builds is looked at again; when its pod is seen, the run waits for that. */
const claimPaceMs = 5_000

/** How soon a build looks whether its turn has come, for each that is before it; at most a minute. */
const turnPaceMs = 5_000
const longestTurnPaceMs = 60_000

/**
 * Creates the pod of one attempt to build or sign an image, once this run has the claim on the image and the registry
 * has said again that it does not exist (images:BLD-S10), unless it is built again all the same, and its turn has come:
 * fewer than `build.maxParallel` builds are before it (images:BLD-S12), and of its namespace fewer than its share. The
 * name depends on inputs and attempt alone, so a repeated call finds the pod it made before. What another run builds,
 * missing Secrets and a refusing cluster are said in status and looked at again; meanwhile the image is not claimed.
 */
export async function createBuildPod(deps: Dependencies, request: BuildRequest): Promise<BuildStart> {
  let keeps = false
  try {
    const start = await startBuild(deps, request)
    keeps = start.kind === 'created'
    return start
  } finally {
    if (!keeps) await giveUpClaim(deps, request.image)
  }
}

async function startBuild(deps: Dependencies, request: BuildRequest): Promise<BuildStart> {
  const { subject, image, inputHash, attempt, source, entry } = request
  const { facts, view } = viewKernel(deps.cache, subject.ref, subject.kernel, viewSettings(deps))
  const module = moduleOf(deps, subject)
  const { mapping, dockerfile = '', architecture } = facts
  if (
    mapping === undefined ||
    architecture === undefined ||
    !isOrdered(view, request) ||
    view.module !== 'alive'
  ) {
    return { kind: 'obsolete', why: 'the build inputs have changed' }
  }
  const wait = (reason: string, message: string, delayMs = outsidePaceMs) =>
    waitBecause(deps, subject, entry, { reason, message, delayMs })
  const { namespace } = subject.ref
  const limits = buildLimits(deps.config.build)
  const waitForTurn = (turn: Turn) =>
    wait(
      buildQueued,
      queuedSentence(turn, nodelessBuilds(deps.cache)),
      Math.min(turn.before * turnPaceMs, longestTurnPaceMs),
    )
  const builds = isBuilding(deps.cache, subject, image)
  const before = buildsBefore(deps.cache, subject, entry?.since ?? '')
  const turn = builds ? undefined : waitsForTurn(before, limits)
  if (turn !== undefined) return await waitForTurn(turn)
  const versions: Record<string, string> = {}
  const needed = source === undefined ? buildSecrets(mapping) : signSecrets(mapping)
  const obstacle = await secretObstacle(needed, namespace, async (name) => {
    const secret = await deps.kube.get(secrets, { namespace, name })
    if (secret !== undefined) versions[name] = versionOf(secret)
    return secret
  })
  if (obstacle !== undefined) await wait(obstacle.reason, obstacle.message)
  const login = await executorLogin(deps.kube, namespace, mapping)
  if (login.kind === 'unfit') return await wait(login.reason, login.message)
  if (login.kind === 'secret' && login.version !== undefined) versions[login.name] = login.version
  const mayPush = async () => await showsPushRight(deps, namespace, mapping, image)
  const claimed = await claimImage(deps, { image, inputHash }, mayPush)
  if (claimed.kind === 'theirs') {
    const holder = kernelOfRun(claimed.claim.holder)
    const who = holder === undefined ? claimed.claim.holder : kernelWords(holder)
    const ofUnsigned = `Image ${image}, which is to be signed, is being built for ${who}. It is built here after that.`
    const says = image === mapping.image ? imageClaimed(image, who) : ofUnsigned
    return await wait('ImageClaimed', says, claimPaceMs)
  }
  // Many that begin at once do not see each other in the caches; their claims are in order.
  const later = builds ? undefined : waitsForTurn(await claimsBefore(deps, image), limits)
  if (later !== undefined) return await waitForTurn(later)
  // What stands under the tag of an image that is to be signed was made by anybody: it is built all the same.
  if (request.rebuild === undefined && image === mapping.image) {
    const answer = await checkImage(deps, { ...request, image })
    // The run has not heard yet that another's, from other inputs, is under way or there: it decides what to make of it.
    const isOthers = view.rival?.inputs === 'other'
    if (answer.kind === 'present')
      return isOthers ? { kind: 'obsolete', why: 'it is built from other inputs' } : answer
  }
  if (source !== undefined) {
    const { kind } = await checkImage(deps, { ...request, image: source })
    if (kind === 'absent') return { kind: 'sourceGone' }
  }
  const { caFile } = deps.config.registry
  const input = {
    module,
    mapping,
    image,
    kernel: subject.kernel,
    architecture,
    inputHash,
    attempt,
    nodes: [...facts.plans.values()],
    cluster: deps.cluster,
    authorities: caFile === undefined ? undefined : readAuthorities(caFile),
    secretVersions: versions,
    loginSecret: login.kind === 'secret' ? login.name : undefined,
    build: deps.config.build,
  }
  const body =
    source === undefined
      ? buildPod({ ...input, dockerfile })
      : signPod({
          ...input,
          source,
          signerImage: deps.workerImage,
          pullSecrets: await nodePullSecrets(
            deps.kube,
            namespace,
            mapping,
            deps.config.worker.imagePullSecrets,
          ),
        })
  // Before the pod is there: whoever sees it has to know whether it counts.
  const known = entry && withMayPush(entry, claimed.mayPush)
  const written = await writeMayPush(deps, subject, known)
  try {
    const made = await deps.kube.create(pods, body)
    const { uid, name, resourceVersion, labels: found = {} } = made.object.metadata
    const { creationTimestamp: createdAt = '', deletionTimestamp } = made.object.metadata
    const ours = found[labels.moduleUid] === subject.uid && found[labels.inputHash] === inputHash
    if (ours && deletionTimestamp === undefined) {
      if (made.kind !== 'created') await takeBuildPod(deps, image, body, made.object)
      await recordClaimedPod(deps, image, uid)
      // The cache must know the pod before its absence can mean that it is gone. Not even a cancellation ends that: the
      // run has to know what is there, to remove it.
      const pod = { namespace, name, uid }
      await deps.cache.waitForPod(pod, (facts) => facts?.uid === uid, AbortSignal.timeout(seenWithinMs))
      const stage = source === undefined ? 'build' : 'sign'
      await tell(deps, subject, { kind: 'BuildCreated', stage, pod, image, attempt, createdAt })
      // What this activity had to wait for is over.
      if (storedReason(deps, subject) !== undefined) await sayWhy(deps, subject, known, undefined)
      return { kind: 'created', pod, seen: { ...written, Pod: resourceVersion }, mayPush: claimed.mayPush }
    }
    throw ApplicationFailure.retryable(
      `Pod ${namespace}/${name} of another owner is in the way.`,
      'PodNameTaken',
    )
  } catch (error) {
    const rejection = classifyPodRejection(error, namespace)
    if (rejection === undefined) throw error
    const reason = podRefusedReason(rejection.reason)
    const because = { reason, message: rejection.message, delayMs: outsidePaceMs }
    return await waitBecause(deps, subject, known, because)
  }
}

/** Nothing is written while status says so already. */
async function writeMayPush(
  deps: Dependencies,
  subject: KernelSubject,
  entry: KernelStatus | undefined,
): Promise<Seen> {
  const stored = storedEntry(deps.cache.module(subject.ref), subject.kernel)
  return entry === undefined || entry.mayPush === stored?.mayPush
    ? {}
    : await applyKernelStatus(deps, subject, entry)
}

function withMayPush({ mayPush: _before, ...entry }: KernelStatus, shown: boolean): KernelStatus {
  return { ...entry, ...(shown && { mayPush: true }) }
}
