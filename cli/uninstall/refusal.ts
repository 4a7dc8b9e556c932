import { count } from '../output/count.ts'
import type { PlanOptions } from './plan.ts'
import { isOperator, type DeploymentObject, type UninstallSnapshot } from './snapshot.ts'

/** Why an uninstallation must not begin. */
export interface Refusal {
  readonly why: string
  readonly fix: string
}

/** What makes an uninstallation harmful or endless; undefined when it may begin. */
export function refusal(snapshot: UninstallSnapshot, { way }: PlanOptions): Refusal | undefined {
  const { deployments, modules, operatorNamespace: namespace } = snapshot
  const operator = deployments.find(isOperator)
  const kmm = deployments.find((found) => !isOperator(found) && found.metadata.name === controllerName)
  if (operator === undefined && kmm !== undefined) {
    return {
      why: `Deployment ${namespace}/${controllerName} is not of kmm-temporal but of KMM, which uses the same definitions and Modules.`,
      fix: 'Uninstall KMM as its own documentation says.',
    }
  }
  const isLive = operatorIsLive(snapshot, operator)
  if (way === 'unload' && modules.length > 0 && !isLive) {
    const start =
      operator === undefined
        ? 'Install the operator again'
        : `Start the operator (kubectl -n ${namespace} scale deployment/${operator.metadata.name} --replicas=1)`
    return {
      why: `No operator is live in namespace ${namespace}: nobody would unload ${count(modules.length, 'Module')}.`,
      fix: `${start} and wait until it renews its Lease, or leave what is loaded with --keep-loaded.`,
    }
  }
  if (way === 'keepLoaded' && operator === undefined && isLive) {
    return {
      why: `An operator is live (${snapshot.lease?.spec?.holderIdentity}), and there is no Deployment of it in namespace ${namespace} to stop: it would unload what is to stay.`,
      fix: 'Stop its process first, or name its namespace with --operator-namespace.',
    }
  }
  return undefined
}

const controllerName = 'kmm-operator-controller'

/** Is there an operator that acts? Without leader election there is no Lease to tell it. */
function operatorIsLive(
  { lease, election, now }: UninstallSnapshot,
  operator: DeploymentObject | undefined,
): boolean {
  if (!election) return (operator?.status?.readyReplicas ?? 0) > 0
  const { holderIdentity, renewTime, leaseDurationSeconds: seconds = 15 } = lease?.spec ?? {}
  if (!holderIdentity || renewTime === undefined) return false
  // Run out, another replica may take it; after as much time again none has.
  return now - Date.parse(renewTime) <= 2 * seconds * 1000
}
