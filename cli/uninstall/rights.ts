import { CliError, exitCodes } from '../exitCodes.ts'
import type { Cluster } from '../kube/cluster.ts'
import { rightFor, rightWords } from '../kube/errors.ts'
import { kinds, type Kind } from '../kube/resources.ts'
import { accessReviewKind } from './installation.ts'
import type { UninstallStep } from './plan.ts'

/** One right that is needed; for the whole cluster without `namespace`. */
export interface Need {
  readonly verb: string
  readonly kind: Kind
  readonly namespace?: string
}

/** What a step does, in rights. */
function needsOf(step: UninstallStep): Need[] {
  switch (step.kind) {
    case 'stopOperator': {
      const { namespace } = step.deployment
      return [
        { verb: 'patch', kind: kinds.deployments, namespace },
        { verb: 'watch', kind: kinds.pods, namespace },
      ]
    }
    case 'deleteModules':
      return step.modules.map(({ namespace = '' }) => ({ verb: 'delete', kind: kinds.modules, namespace }))
    case 'awaitModules':
      return [kinds.modules, kinds.nodes, kinds.nodeModulesConfigs, kinds.pods].map((kind) => ({
        verb: 'watch',
        kind,
      }))
    case 'release':
      return step.objects.flatMap(({ of: kind, namespace }) => {
        const where = namespace === undefined ? {} : { namespace }
        const verbs = releasesFinalizers(step.group) ? ['get', 'patch', 'delete'] : ['delete']
        return verbs.map((verb) => ({ verb, kind, ...where }))
      })
    case 'unlabelNodes':
      return [{ verb: 'patch', kind: kinds.nodes }]
    case 'unlabelNamespaces':
      return [{ verb: 'patch', kind: kinds.namespaces }]
    case 'terminateRuns':
    case 'helmUninstall':
      return []
  }
}

/** Only these may have finalizers of ours. */
export function releasesFinalizers(group: (UninstallStep & { kind: 'release' })['group']): boolean {
  return group === 'Modules' || group === 'records' || group === 'pods'
}

/** Every right that the steps take, once. */
export function rightsFor(steps: readonly UninstallStep[]): Need[] {
  const byName = new Map(steps.flatMap(needsOf).map((need) => [wordsOf(need), need]))
  return [...byName.values()]
}

/** Which of these rights this user lacks, in words: `delete modules.kmm.sigs.x-k8s.io in namespace drivers`. */
export async function missingRights(cluster: Cluster, needs: readonly Need[]): Promise<string[]> {
  const found = await Promise.all(
    needs.map(async (need) => ((await isAllowed(cluster, need)) ? [] : [wordsOf(need)])),
  )
  return found.flat()
}

async function isAllowed(cluster: Cluster, { verb, kind, namespace }: Need): Promise<boolean> {
  const { group, plural: resource } = kind
  const resourceAttributes = { verb, group, resource, ...(namespace === undefined ? {} : { namespace }) }
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes },
  }
  const review = await cluster.create<{ readonly status?: { readonly allowed?: boolean } }>(
    accessReviewKind,
    {},
    body,
  )
  return review.status?.allowed === true
}

/** Ends the command when rights are missing, and names each. */
export function refuseWithout(missing: readonly string[]): void {
  if (missing.length === 0) return
  const lines = missing.map((right) => `  ${right}`).join('\n')
  throw new CliError(`You may not:\n${lines}\nNothing was changed.`, exitCodes.forbidden)
}

function wordsOf({ verb, kind, namespace }: Need): string {
  return rightWords(rightFor(verb, kind, { namespace }))
}
