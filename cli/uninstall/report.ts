import { moduleKey } from '../../api/names.ts'
import { resourceName } from '../kube/errors.ts'
import { count } from '../output/count.ts'
import { targetKey, type Group, type Target, type UninstallStep } from './plan.ts'
import { waitLines } from './remains.ts'

/** A step for programs: as it is planned, with kinds by their names. */
export type ReportedStep = { readonly kind: UninstallStep['kind'] } & Readonly<Record<string, unknown>>

export function reportStep(step: UninstallStep): ReportedStep {
  switch (step.kind) {
    case 'release':
      return { ...step, objects: step.objects.map(reportTarget) }
    case 'deleteModules':
      return { ...step, modules: step.modules.map(reportTarget) }
    default:
      return { ...step }
  }
}

function reportTarget({ of, ...target }: Target): object {
  return { resource: resourceName(of), ...target }
}

const words: Readonly<Record<Group, { readonly what: string; readonly how: string }>> = {
  Modules: { what: 'Module', how: 'Remove our finalizer from, and delete,' },
  pods: { what: 'pod and DaemonSet of Modules', how: 'Delete' },
  records: { what: 'NodeModulesConfig', how: 'Delete' },
  Leases: { what: 'Lease', how: 'Delete' },
  installation: { what: 'object of the installation', how: 'Delete' },
  definitions: { what: 'CustomResourceDefinition', how: 'Delete' },
  namespace: { what: 'namespace', how: 'Delete, with all that is in it,' },
}

/** What a step does, in one line, with counts. */
export function headline(step: UninstallStep): string {
  switch (step.kind) {
    case 'stopOperator': {
      const { deployment, replicas, pods } = step
      return `Scale Deployment ${moduleKey(deployment)} from ${replicas} to 0, and wait until ${count(pods.length, 'pod')} ended`
    }
    case 'deleteModules':
      return `Delete ${count(step.modules.length, 'Module')}`
    case 'awaitModules': {
      const nodes = new Set(step.modules.flatMap((wait) => wait.nodes))
      return `Wait until the operator has unloaded ${count(step.modules.length, 'Module')} on ${count(nodes.size, 'node')}`
    }
    case 'release': {
      const { what, how } = words[step.group]
      const number = step.objects.length
      return `${how} ${number === 1 ? `1 ${what}` : `${number} ${pluralOf(what)}`}`
    }
    case 'unlabelNodes': {
      const number = step.nodes.reduce((sum, { labels }) => sum + labels.length, 0)
      return `Remove ${count(number, 'label')} from ${count(step.nodes.length, 'node')}`
    }
    case 'unlabelNamespaces':
      return `Remove the label of Modules from ${count(step.namespaces.length, 'namespace')}`
    case 'terminateRuns':
      return `Terminate the open runs of this cluster in Temporal (KmmCluster = ${step.cluster})`
    case 'helmUninstall':
      return `Left to Helm, which installed the release ${step.release.name}; run`
  }
}

function pluralOf(what: string): string {
  return what.startsWith('object') || what.startsWith('pod')
    ? what.replace(/^\w+/u, '$&s').replace('DaemonSet ', 'DaemonSets ')
    : `${what}s`
}

/** The names that a step is about, a line each or a line for a kind. */
export function details(step: UninstallStep): string[] {
  switch (step.kind) {
    case 'stopOperator':
      return step.pods.length === 0 ? [] : [step.pods.join(', ')]
    case 'deleteModules':
      return [step.modules.map(targetKey).join(', ')]
    case 'awaitModules':
      return step.modules.flatMap(waitLines)
    case 'release':
      return byKind(step.objects)
    case 'unlabelNodes':
      return step.nodes.map(({ name, labels }) => `${name}: ${labels.join(', ')}`)
    case 'unlabelNamespaces':
      return [step.namespaces.join(', ')]
    case 'terminateRuns':
      return []
    case 'helmUninstall':
      return [step.command]
  }
}

function byKind(objects: readonly Target[]): string[] {
  const groups = Map.groupBy(objects, ({ of }) => resourceName(of))
  return [...groups].map(([kind, found]) => `${kind}: ${found.map(targetKey).join(', ')}`)
}

/** A whole plan for people, each step with a number. */
export function planText(steps: readonly UninstallStep[]): string {
  return steps
    .map((step, at) => {
      const below = details(step).map((line) => `     ${line}`)
      return [`${String(at + 1).padStart(2)}. ${headline(step)}`, ...below].join('\n')
    })
    .join('\n')
}
