import { ApplicationFailure } from '@temporalio/common'
import { isDeepStrictEqual } from 'node:util'
import type { V1Container, V1PodSpec } from '@kubernetes/client-node'
import { claimName } from '../../api/claim.ts'
import { annotations } from '../../api/names.ts'
import { podFacts } from '../../api/objectFacts.ts'
import type { Dependencies } from '../dependencies.ts'
import { type Lease, leases, type Pod, pods } from '../kube/resources.ts'
import type { PodBody } from '../podBody.ts'

/*
 * Which pod the operator has made for its claim on an image stands in the claim, which nobody else may write. A pod's
 * name can be foreseen, and its labels and owner written by whoever creates it.
 */

/** Writes into the claim of this run which pod it made. The claim keeps its place among others. */
export async function recordClaimedPod(deps: Dependencies, image: string, uid: string): Promise<void> {
  const { kube, namespace } = deps
  const lease = await kube.get<Lease>(leases, { namespace, name: claimName(image) })
  if (lease === undefined || isOfPod(lease, uid)) return
  const { metadata } = lease
  const more = { [annotations.claimedPod]: uid, [annotations.claimOrder]: orderOf(lease) }
  const { managedFields: _fields, ...kept } = metadata
  await kube.replace(leases, {
    ...lease,
    apiVersion: leases.apiVersion,
    kind: leases.kind,
    metadata: { ...kept, annotations: { ...metadata.annotations, ...more } },
  })
}

/** Is this the pod that was made for the claim on an image? False also when the claim was given up. */
export async function isClaimedPod(deps: Dependencies, image: string, uid: string): Promise<boolean> {
  const { kube, namespace } = deps
  const lease = await kube.get<Lease>(leases, { namespace, name: claimName(image) })
  return lease !== undefined && isOfPod(lease, uid)
}

function isOfPod({ metadata }: Lease, uid: string): boolean {
  return metadata.annotations?.[annotations.claimedPod] === uid
}

/** How soon the pod is made when another one was in its place, however long the build has waited before. */
const makeAgainMs = 5_000

/**
 * Takes a pod that was there under the name of the one to be made, when it is that one: made before by this claim, or
 * by an attempt that could not write so, and then it does the same and has not ended. Any other is deleted.
 * @throws ApplicationFailure `PodNotOurs`, retryable: the next attempt makes the pod
 */
export async function takeBuildPod(
  deps: Dependencies,
  image: string,
  body: PodBody,
  found: Pod,
): Promise<void> {
  const { uid, name, namespace = '' } = found.metadata
  if (await isClaimedPod(deps, image, uid)) return
  const { kind } = podFacts(found).state
  const hasEnded = kind === 'succeeded' || kind === 'failed'
  if (!hasEnded && doesTheSame(body.spec, found.spec)) return
  await deps.kube.delete(pods, { namespace, name }, { uid })
  throw ApplicationFailure.create({
    message: `Pod ${namespace}/${name} was not made for this; it is removed.`,
    type: 'PodNotOurs',
    nextRetryDelay: makeAgainMs,
  })
}

/** Of a container: what it runs, and what it can read. The API server adds defaults to all else. */
const compared = [
  'name',
  'image',
  'command',
  'args',
  'workingDir',
  'env',
  'envFrom',
  'lifecycle',
  'volumeMounts',
] as const satisfies readonly (keyof V1Container)[]

/** Of a container: its rights, and when it ends. The API server adds nothing to these. */
const rights = ['securityContext', 'restartPolicy'] as const satisfies readonly (keyof V1Container)[]

/** Of a pod: what its containers share with each other and with the node, and where names lead. */
const surroundings = [
  'automountServiceAccountToken',
  'dnsConfig',
  'ephemeralContainers',
  'hostAliases',
  'hostIPC',
  'hostNetwork',
  'hostPID',
  'hostUsers',
  'runtimeClassName',
  'securityContext',
  'shareProcessNamespace',
] as const satisfies readonly (keyof V1PodSpec)[]

function doesTheSame(wanted: PodBody['spec'], found: Pod['spec']): boolean {
  const partsOf = (spec: object | undefined) => {
    const { containers = [], initContainers = [], volumes = [] } = (spec ?? {}) as Partial<PodBody['spec']>
    const ofContainers = (keys: readonly string[]) =>
      [initContainers, containers].map((list) => list.map((container) => picked(container, keys)))
    return {
      exact: [picked(spec ?? {}, surroundings), ofContainers(rights)],
      withDefaults: [ofContainers(compared), volumes],
    }
  }
  const [ours, theirs] = [partsOf(wanted), partsOf(found)]
  return isDeepStrictEqual(ours.exact, theirs.exact) && isWithin(ours.withDefaults, theirs.withDefaults)
}

/** The values of these fields, in their order. */
function picked(from: object, keys: readonly string[]): unknown[] {
  return keys.map((key) => presentOrNull((from as Record<string, unknown>)[key]))
}

/** The API server leaves empty lists and what is false out, and adds an empty security context. */
function presentOrNull(value: unknown): unknown {
  if (value === undefined || value === false) return null
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0
  return isEmpty ? null : value
}

/** Does an object have all that another has? Lists are of one length. */
function isWithin(wanted: unknown, found: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return wanted === undefined || wanted === found
  if (typeof found !== 'object' || found === null) return false
  if (Array.isArray(wanted)) {
    if (!Array.isArray(found) || found.length !== wanted.length) return false
    return wanted.every((item, at) => isWithin(item, found[at]))
  }
  return Object.entries(wanted).every(([key, value]) =>
    isWithin(value, (found as Record<string, unknown>)[key]),
  )
}

/** The version by which a claim has its place among all: of when it was made. */
export function orderOf({ metadata }: Pick<Lease, 'metadata'>): string {
  return metadata.annotations?.[annotations.claimOrder] ?? metadata.resourceVersion
}
