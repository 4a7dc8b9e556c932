import { isForbidden } from '../../activities/kube/errors.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import { type Lease, pods } from '../../activities/kube/resources.ts'
import { group } from '../../api/names.ts'
import { operatorName } from '../../api/permissions.ts'
import { reviewAccess } from './accessReview.ts'

/** Decides whether an operator can be behind a Lease. Throws KubeError. */
export type MayBeOperator = (lease: Lease, signal: AbortSignal) => Promise<boolean>

/**
 * Whoever may write Leases in one namespace, as ClusterRole `edit` allows, can make one of the operator's name there and
 * renew it. It must not stop the operator of the whole cluster, so only a Lease counts whose namespace has an account
 * that can do an operator's work: it may patch NodeModulesConfigs, which belong to no namespace. That account is the
 * ServiceAccount of the pod that the identity of the holder names, or the one that operators have by default.
 *
 * An operator that may not review access believes every Lease: two operators on one kernel do more harm than none.
 */
export function createMayBeOperator(kube: Pick<Kube, 'get' | 'transport'>): MayBeOperator {
  return async (lease, signal) => {
    const { namespace = '' } = lease.metadata
    const account = await accountOfHolder(kube, lease, signal)
    for (const name of new Set([operatorName, ...(account === undefined ? [] : [account])]))
      if (await mayWorkOnNodes(kube, namespace, name, signal)) return true
    return false
  }
}

/** `<pod>_<uuid>` of controller-runtime, `<pod>-<process>` of this operator. */
const podOfHolder = /^([a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?)(?:_[-0-9a-f]{1,36}|-\d{1,7})$/u

async function accountOfHolder(
  kube: Pick<Kube, 'get'>,
  { metadata: { namespace = '' }, spec }: Lease,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [, name] = podOfHolder.exec(spec?.holderIdentity?.slice(0, 300) ?? '') ?? []
  if (name === undefined) return undefined
  const pod = await kube.get(pods, { namespace, name }, signal)
  return pod?.spec?.serviceAccountName
}

async function mayWorkOnNodes(
  kube: Pick<Kube, 'transport'>,
  namespace: string,
  account: string,
  signal: AbortSignal,
): Promise<boolean> {
  const spec = {
    user: `system:serviceaccount:${namespace}:${account}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    resourceAttributes: { verb: 'patch', group, resource: 'nodemodulesconfigs' },
  }
  try {
    const review = await reviewAccess<{ readonly allowed?: boolean }>(
      kube,
      'SubjectAccessReview',
      spec,
      signal,
    )
    return review?.allowed === true
  } catch (error) {
    if (isForbidden(error)) return true
    throw error
  }
}
