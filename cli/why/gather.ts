import { guardingPolicyNames } from '../../api/guardingPolicies.ts'
import type { ModuleRef } from '../../api/names.ts'
import { operatorName } from '../../api/permissions.ts'
import { operatorConfigMap, readOperatorConfiguration } from '../cluster/operatorConfig.ts'
import type { OperatorConfiguration } from '../cluster/operatorConfig.ts'
import type { Gap, ReadObjects } from '../cluster/read.ts'
import { snapshotOf } from '../cluster/snapshot.ts'
import { seeKernels } from '../cluster/views.ts'
import type { Cluster } from '../kube/cluster.ts'
import { ForbiddenError, type Right } from '../kube/errors.ts'
import { type EventObject, kinds, type Kind, type LeaseObject, type StoredObject } from '../kube/resources.ts'
import type { InvalidConfiguration, OperatorFacts, WhyFacts } from './facts.ts'

/**
 * Looks at everything else that can be the cause, with the rights of this user: what may not be looked at is a gap.
 * Neither the operator nor Temporal is asked.
 */
export async function gather(
  cluster: Cluster,
  ref: ModuleRef,
  { objects, gaps: known }: ReadObjects,
  operatorNamespace: string,
): Promise<WhyFacts> {
  const gaps = new Map<Gap['what'], Right>(known.map(({ what, right }) => [what, right]))
  const orGap = async <T>(what: Gap['what'], read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof ForbiddenError)) throw error
      gaps.set(what, error.right)
      return undefined
    }
  }
  const snapshot = snapshotOf(objects)
  const mappings = seeKernels(snapshot, ref).flatMap(({ mapping }) => mapping ?? [])
  const secretNames = mappings.flatMap(({ build, imageRepoSecret }) => [
    ...(build?.secrets ?? []).map(({ name }) => name),
    ...(imageRepoSecret === undefined ? [] : [imageRepoSecret.name]),
  ])
  const accountNames = mappings.map(({ serviceAccountName }) => serviceAccountName)
  const { namespace } = ref
  const [operator, found, secrets, serviceAccounts] = await Promise.all([
    orGap('operator', async () => await readOperator(cluster, operatorNamespace)),
    orGap('namespace', async () => await cluster.get<StoredObject>(kinds.namespaces, { name: namespace })),
    orGap('secrets', async () => await whichExist(cluster, kinds.secrets, namespace, secretNames)),
    orGap(
      'serviceAccount',
      async () => await whichExist(cluster, kinds.serviceAccounts, namespace, accountNames),
    ),
  ])
  return {
    ref,
    cluster: snapshot,
    now: cluster.now(),
    gaps,
    namespace: found && {
      podSecurity: found.metadata.labels?.['pod-security.kubernetes.io/enforce'],
      ending: found.metadata.deletionTimestamp !== undefined,
    },
    operator,
    secrets: secrets ?? new Map(),
    serviceAccounts: serviceAccounts ?? new Map(),
  }
}

/** KMM's default of `leaderElection.resourceID`. */
const defaultLease = 'kmm.sigs.x-k8s.io'

async function readOperator(cluster: Cluster, namespace: string): Promise<OperatorFacts> {
  const configuration = await readOperatorConfiguration(cluster, namespace)
  const parsed = configuration?.parsed
  const name = parsed?.ok === true ? parsed.config.leaderElection.resourceID : defaultLease
  const lease = await cluster.get<LeaseObject>(kinds.leases, { namespace, name })
  const {
    holderIdentity: holder = '',
    renewTime: renewedAt,
    leaseDurationSeconds: seconds = 15,
  } = lease?.spec ?? {}
  return {
    namespace,
    invalidConfiguration: await readInvalid(cluster, namespace, configuration),
    missingPolicies: await readMissingPolicies(cluster),
    lease: renewedAt === undefined ? undefined : { holder, renewedAt, seconds },
  }
}

/** As the ConfigMap stands; what only the operator can see, such as a file that is not there, it says by Events. */
async function readInvalid(
  cluster: Cluster,
  namespace: string,
  configuration: OperatorConfiguration | undefined,
): Promise<InvalidConfiguration | undefined> {
  const configMap = configuration?.configMap ?? operatorConfigMap
  if (configuration?.parsed.ok === false) return { configMap, faults: configuration.parsed.faults }
  try {
    const fieldSelector = `involvedObject.kind=Deployment,involvedObject.name=${operatorName}`
    const { items } = await cluster.list<EventObject>(kinds.events, { namespace }, { fieldSelector })
    const time = ({ lastTimestamp = '' }: EventObject) => Date.parse(lastTimestamp) || 0
    const [last] = items
      .filter(({ reason }) => reason === 'InvalidConfiguration' || reason === 'ConfigurationReloaded')
      .toSorted((a, b) => time(b) - time(a))
    if (last?.reason !== 'InvalidConfiguration') return undefined
    return { configMap, faults: [`${last.message} (Event of ${last.lastTimestamp})`] }
  } catch (error) {
    if (error instanceof ForbiddenError) return undefined
    throw error
  }
}

/** Undefined for who may not look at policies, as most users may not. */
async function readMissingPolicies(cluster: Cluster): Promise<readonly string[] | undefined> {
  try {
    const found = await whichExist(cluster, kinds.policyBindings, undefined, guardingPolicyNames)
    return guardingPolicyNames.filter((name) => found.get(name) !== true)
  } catch (error) {
    if (error instanceof ForbiddenError) return undefined
    throw error
  }
}

/** Only metadata is asked for: what Secrets hold does not come here. */
async function whichExist(
  cluster: Cluster,
  kind: Kind,
  namespace: string | undefined,
  names: readonly string[],
): Promise<ReadonlyMap<string, boolean>> {
  const found = await Promise.all(
    [...new Set(names)].map(
      async (name) =>
        [
          name,
          (await cluster.get<StoredObject>(kind, { namespace, name }, 'identity')) !== undefined,
        ] as const,
    ),
  )
  return new Map(found)
}
