import { Context } from '@temporalio/activity'
import { claimName, claimSeconds, claimStands, isBuilding, type Claim } from '../../api/claim.ts'
import { annotations, kernelOfRun, labels } from '../../api/names.ts'
import { newer } from '../../api/resourceVersion.ts'
import type { Dependencies } from '../dependencies.ts'
import { isConflict } from '../kube/errors.ts'
import { type Lease, leases } from '../kube/resources.ts'
import { orderOf } from './claimedPod.ts'

/**
 * Claims an image for this run, or says who has it. A claim of a holder that is gone is taken over: its Lease is
 * deleted, by uid, and the API server decides who makes the next one.
 */
export async function claimImage(
  deps: Dependencies,
  wanted: { readonly image: string; readonly inputHash: string },
): Promise<{ readonly kind: 'ours' } | { readonly kind: 'theirs'; readonly claim: Claim }> {
  const { kube, cache, namespace } = deps
  const claim: Claim = { ...wanted, holder: thisRun(), takenAt: Date.now() }
  for (;;) {
    const made = await kube.create<Lease>(leases, leaseOf(claim, namespace)).catch((error: unknown) => {
      // Somebody gave it up between the two requests.
      if (isConflict(error)) return undefined
      throw error
    })
    if (made === undefined) continue
    const { kind, object } = made
    if (kind === 'created') return { kind: 'ours' }
    const found = claimOf(object)
    if (found.holder === claim.holder && found.inputHash === claim.inputHash) return { kind: 'ours' }
    const stands = found.holder !== claim.holder && claimStands(cache, found, claim.takenAt)
    if (stands) return { kind: 'theirs', claim: found }
    await kube.delete(leases, { namespace, name: object.metadata.name }, { uid: object.metadata.uid })
  }
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
 * How many claims that stand were made before this run's claim on an image. A claim keeps the version it was made
 * with, so the API server's own order of them is the order of builds: whoever begins only while fewer than N are before it, begins as
 * one of at most N, whichever replica looks when (images:BLD-S12 Better).
 */
export async function claimsBefore(deps: Dependencies, image: string): Promise<number> {
  const { kube, cache, namespace } = deps
  const { items } = await kube.list(leases, { namespace, labelSelector: `${labels.component}=ImageClaim` })
  const own = items.find(({ metadata }) => metadata.name === claimName(image))
  if (own === undefined) throw new Error(`the claim on ${image} was taken away`)
  const version = orderOf(own)
  const earlier = items.filter((lease) => newer(version, orderOf(lease)))
  return earlier.filter((lease) => claimStands(cache, claimOf(lease), Date.now())).length
}

/** The workflow id of the run that this activity works for. */
function thisRun(): string {
  const { workflowExecution } = Context.current().info
  if (workflowExecution === undefined) throw new Error('only a run may claim an image')
  return workflowExecution.workflowId
}

function leaseOf(claim: Claim, namespace: string) {
  const { image, holder, inputHash, takenAt } = claim
  const acquireTime = new Date(takenAt).toISOString().replace('Z', '000Z')
  return {
    apiVersion: leases.apiVersion,
    kind: leases.kind,
    metadata: {
      namespace,
      name: claimName(image),
      labels: { [labels.partOf]: 'kmm', [labels.component]: 'ImageClaim' },
      annotations: { [annotations.image]: image, [annotations.inputHash]: inputHash },
    },
    spec: { holderIdentity: holder, leaseDurationSeconds: claimSeconds, acquireTime, renewTime: acquireTime },
  }
}

function claimOf({ metadata, spec }: Lease): Claim {
  return {
    image: metadata.annotations?.[annotations.image] ?? '',
    holder: spec?.holderIdentity ?? '',
    inputHash: metadata.annotations?.[annotations.inputHash] ?? '',
    takenAt: Date.parse(String(spec?.acquireTime ?? '')) || 0,
  }
}
