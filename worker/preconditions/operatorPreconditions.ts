import type { Kube } from '../../activities/kube/kube.ts'
import type { OperatorConfig } from '../../api/config.ts'
import { permissions } from '../../api/permissions.ts'
import { clusterVersion } from './clusterVersion.ts'
import { type Competition, createCompetition } from './competingOperators.ts'
import { definitions } from './definitions.ts'
import { permissionsGranted } from './permissions.ts'
import { policiesInForce } from './policies.ts'
import type { Precondition } from './precondition.ts'

/** What must hold before the operator touches the cluster, in the order in which an admin would fix it. */
export function operatorPreconditions(
  kube: Pick<Kube, 'get' | 'list' | 'transport'>,
  { config, namespace }: { readonly config: OperatorConfig; readonly namespace: string },
): { readonly preconditions: readonly Precondition[]; readonly competition: Competition } {
  const { leaderElection, metrics } = config
  const competition = createCompetition({ kube, namespace, name: leaderElection.resourceID })
  const reviewsCallers = metrics.bindAddress !== '0' && metrics.enableAuthnAuthz
  const used = permissions.filter(({ resource }) => reviewsCallers || resource !== callerReview)
  return {
    competition,
    preconditions: [
      clusterVersion(kube),
      definitions(kube),
      permissionsGranted({ kube, namespace, permissions: used }),
      policiesInForce(kube),
      competition,
    ],
  }
}

/** Only metrics with `enableAuthnAuthz` need it. */
const callerReview = 'tokenreviews'
