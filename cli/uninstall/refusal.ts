import { help } from '../../api/commandsThatHelp.ts'
import { count } from '../output/count.ts'
import type { PlanOptions } from './plan.ts'
import { isOperator, operatorOf, type DeploymentObject, type UninstallSnapshot } from './snapshot.ts'

/** Why an uninstallation must not begin. */
export interface Refusal {
  readonly why: string
  readonly fix: string
}

/** What makes an uninstallation harmful or endless; undefined when it may begin. */
export function refusal(snapshot: UninstallSnapshot, { way }: PlanOptions): Refusal | undefined {
  const { modules, operatorNamespace: namespace } = snapshot
  const operator = operatorOf(snapshot)
  const other = otherOperator(snapshot)
  if (other !== undefined) return other
  const isLive = operatorIsLive(snapshot, operator)
  if (way === 'unload' && modules.length > 0 && !isLive) {
    const start =
      operator === undefined
        ? 'Install the operator again'
        : `Start the operator (${help.startDeployment(namespace, operator.metadata.name)})`
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

/** Definitions, Modules and cluster roles are one for all operators: none is taken from another. */
function otherOperator(snapshot: UninstallSnapshot): Refusal | undefined {
  const { deployments, operatorNamespace } = snapshot
  const key = ({ metadata }: DeploymentObject) => `${metadata.namespace}/${metadata.name}`
  const kmm = deployments.find((found) => !isOperator(found) && found.metadata.name === controllerName)
  if (kmm !== undefined) {
    return {
      why: `Deployment ${key(kmm)} is KMM's, which uses the same definitions and Modules.`,
      fix: 'Uninstall KMM first, as its own documentation describes.',
    }
  }
  const elsewhere = deployments.find(
    (found) => isOperator(found) && found.metadata.namespace !== operatorNamespace,
  )
  if (elsewhere === undefined) return undefined
  const why = `Deployment ${key(elsewhere)} is an operator in another namespace than ${operatorNamespace}.`
  return operatorOf(snapshot) === undefined
    ? { why, fix: `Give --operator-namespace ${elsewhere.metadata.namespace}.` }
    : {
        why: `${why} It acts on the same Modules.`,
        fix: `Delete one of the two first (${help.deleteDeployment(elsewhere.metadata.namespace ?? '', elsewhere.metadata.name)}).`,
      }
}

/** Is there an operator that acts? Without leader election there is no Lease that would show it. */
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
