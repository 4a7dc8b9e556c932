import { Context } from '@temporalio/activity'
import type { BuildsBefore } from '../../api/buildQueue.ts'
import {
  claimName,
  claimSeconds,
  claimStands,
  countsAgainst,
  isBuilding,
  type Claim,
} from '../../api/claim.ts'
import { annotations, kernelOfRun, labels } from '../../api/names.ts'
import { newer } from '../../api/resourceVersion.ts'
import type { Dependencies } from '../dependencies.ts'
import { isConflict } from '../kube/errors.ts'
import { type Lease, leases } from '../kube/resources.ts'
import { orderOf } from './claimedPod.ts'

/** A claim of this run, or of the one that has it. */
export type Claimed =
  | { readonly kind: 'ours'; readonly mayPush: boolean }
  | { readonly kind: 'theirs'; readonly claim: Claim }

/**
 * Claims an image for this run, or says who has it. A claim of a holder that is gone, or of another namespace without a
 * shown right to push, is taken over: its Lease is deleted, by uid, and the API server decides who makes the next one.
 * `mayPush`: shows the right of this run; called at most once, and only when nobody else's claim counts.
 */
export async function claimImage(
  deps: Dependencies,
  wanted: { readonly image: string; readonly inputHash: string },
  mayPush: () => Promise<boolean>,
): Promise<Claimed> {
  const { kube, namespace } = deps
  const run = thisRun()
  const ref = { namespace, name: claimName(wanted.image) }
  let shown: boolean | undefined
  for (;;) {
    const lease = await kube.get(leases, ref)
    if (lease !== undefined) {
      const found = claimOf(lease)
      if (found.holder === run && found.inputHash === wanted.inputHash)
        return { kind: 'ours', mayPush: found.mayPush }
      if (keepsOff(deps, found, run)) return { kind: 'theirs', claim: found }
      await kube.delete(leases, ref, { uid: lease.metadata.uid })
    }
    shown ??= await mayPush()
    const claim: Claim = { ...wanted, holder: run, mayPush: shown, takenAt: Date.now() }
    const made = await kube.create<Lease>(leases, leaseOf(claim, namespace)).catch((error: unknown) => {
      // Somebody gave it up between the two requests.
      if (isConflict(error)) return undefined
      throw error
    })
    if (made?.kind === 'created') return { kind: 'ours', mayPush: shown }
  }
}

/** Does a claim keep this run from building the image now? */
function keepsOff({ cache }: Dependencies, claim: Claim, run: string): boolean {
  const { holder, mayPush } = claim
  const counts = countsAgainst(namespaceOf(run), { namespace: namespaceOf(holder), mayPush })
  return holder !== run && counts && claimStands(cache, claim, Date.now())
}

/**
 * Gives this run's claim on an image up, unless another pod of it still builds the image (an older one may be collected
 * meanwhile); a claim of another is left alone.
 */
export async function giveUpClaim(deps: Dependencies, image: string, holder = thisRun()): Promise<void> {
  const run = kernelOfRun(holder)
  if (run !== undefined && isBuilding(deps.cache, run, image)) return
  const ref = { namespace: deps.namespace, name: claimName(image) }
  const lease = await deps.kube.get(leases, ref)
  if (lease === undefined || claimOf(lease).holder !== holder) return
  await deps.kube.delete(leases, ref, { uid: lease.metadata.uid })
}

/**
 * How many claims that stand were made before this run's claim on an image, and how many of them in its namespace. A
 * claim keeps the version it was made with, so the API server's own order of them is the order of builds: whoever begins
 * only while fewer than N are before it, begins as one of at most N, whichever replica looks when (images:BLD-S12
 * Better).
 */
export async function claimsBefore(deps: Dependencies, image: string): Promise<BuildsBefore> {
  const { kube, cache, namespace } = deps
  const { items } = await kube.list(leases, { namespace, labelSelector: `${labels.component}=ImageClaim` })
  const own = items.find(({ metadata }) => metadata.name === claimName(image))
  if (own === undefined) throw new Error(`the claim on ${image} was taken away`)
  const version = orderOf(own)
  const earlier = items.filter((lease) => newer(version, orderOf(lease)))
  const standing = earlier.map(claimOf).filter((claim) => claimStands(cache, claim, Date.now()))
  const ours = namespaceOf(thisRun())
  const inNamespace = standing.filter(({ holder }) => namespaceOf(holder) === ours)
  return { cluster: standing.length, namespace: inNamespace.length }
}

/** Of the Module of a run; empty for an id that is no run's. */
function namespaceOf(run: string): string {
  return kernelOfRun(run)?.ref.namespace ?? ''
}

/** The workflow id of the run that this activity works for. */
function thisRun(): string {
  const { workflowExecution } = Context.current().info
  if (workflowExecution === undefined) throw new Error('only a run may claim an image')
  return workflowExecution.workflowId
}

function leaseOf(claim: Claim, namespace: string) {
  const { image, holder, inputHash, mayPush, takenAt } = claim
  const acquireTime = new Date(takenAt).toISOString().replace('Z', '000Z')
  return {
    apiVersion: leases.apiVersion,
    kind: leases.kind,
    metadata: {
      namespace,
      name: claimName(image),
      labels: { [labels.partOf]: 'kmm', [labels.component]: 'ImageClaim' },
      annotations: {
        [annotations.image]: image,
        [annotations.inputHash]: inputHash,
        ...(mayPush && { [annotations.mayPush]: 'true' }),
      },
    },
    spec: { holderIdentity: holder, leaseDurationSeconds: claimSeconds, acquireTime, renewTime: acquireTime },
  }
}

function claimOf({ metadata, spec }: Lease): Claim {
  return {
    image: metadata.annotations?.[annotations.image] ?? '',
    holder: spec?.holderIdentity ?? '',
    inputHash: metadata.annotations?.[annotations.inputHash] ?? '',
    mayPush: metadata.annotations?.[annotations.mayPush] === 'true',
    takenAt: Date.parse(String(spec?.acquireTime ?? '')) || 0,
  }
}
