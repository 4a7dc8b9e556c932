import { isForbidden } from '../../activities/kube/errors.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import {
  permissions as allPermissions,
  type Permission,
  type PermissionScope,
  qualifiedResource,
} from '../../api/permissions.ts'
import { reviewAccess } from './accessReview.ts'
import type { CheckResult, Fault, Precondition } from './precondition.ts'

/** One verb on one resource, of one object or of all, in one namespace or in the cluster. */
interface Right {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly name: string | undefined
  readonly namespace: string | undefined
}

/** A rule of a SelfSubjectRulesReview. */
interface Rule {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
}

/**
 * A review of rules is about a namespace, and rights in the cluster are those that hold in any. Nothing can be bound in
 * a namespace that cannot exist, so only ClusterRoleBindings count there.
 */
const noNamespace = ':cluster:'

/** Rights that modules are managed without, and what is lost. All others are needed. */
const optional: readonly { readonly group: string; readonly resource: string; readonly loss: string }[] = [
  { group: '', resource: 'events', loss: 'no Events are written' },
  { group: 'apps', resource: 'deployments', loss: 'no Events about the operator itself are written' },
  { group: 'authentication.k8s.io', resource: 'tokenreviews', loss: 'nobody can read the metrics' },
  {
    group: 'authorization.k8s.io',
    resource: 'subjectaccessreviews',
    loss: 'nobody can read the metrics, and a Lease that anybody writes can stop the operator',
  },
]

export interface PermissionsOptions {
  readonly kube: Pick<Kube, 'transport'>
  /** The operator's own. */
  readonly namespace: string
  readonly permissions?: readonly Permission[]
}

/** The operator's ServiceAccount has the rights of the table; those that are missing are named one by one. */
export function permissionsGranted(options: PermissionsOptions): Precondition {
  const { kube, namespace, permissions = allPermissions } = options
  return {
    name: 'Permissions',
    async check(signal): Promise<CheckResult> {
      try {
        const [inCluster, inNamespace] = await Promise.all(
          (['cluster', 'operatorNamespace'] as const).map((scope) =>
            missingOf(kube, rightsOf(permissions, scope, namespace), signal),
          ),
        )
        return judge([...(inCluster ?? []), ...(inNamespace ?? [])])
      } catch (error) {
        if (!isForbidden(error)) throw error
        return { kind: 'met', warnings: [unchecked] }
      }
    },
  }
}

const unchecked: Fault = {
  reason: 'PermissionsUnknown',
  message: 'the operator may not review its own access, so missing rights show up only when they are needed',
  fix: 'bind ClusterRole system:basic-user to its ServiceAccount',
}

function rightsOf(all: readonly Permission[], scope: PermissionScope, own: string): Right[] {
  const namespace = scope === 'cluster' ? undefined : own
  return all
    .filter((permission) => permission.scope === scope)
    .flatMap(({ group, resource, verbs, resourceNames = [undefined] }) =>
      verbs.flatMap((verb) => resourceNames.map((name) => ({ verb, group, resource, name, namespace }))),
    )
}

/** One review of all rules, and one of each right that they do not show: not every authorizer can list its rules. */
async function missingOf(
  kube: Pick<Kube, 'transport'>,
  rights: readonly Right[],
  signal: AbortSignal,
): Promise<Right[]> {
  const [first] = rights
  if (first === undefined) return []
  const rules = await reviewAccess<{ readonly resourceRules?: readonly Rule[] }>(
    kube,
    'SelfSubjectRulesReview',
    { namespace: first.namespace ?? noNamespace },
    signal,
  )
  const missing: Right[] = []
  for (const right of rights.filter(
    (each) => rules?.resourceRules?.some((rule) => grants(rule, each)) !== true,
  )) {
    const review = await reviewAccess<{ readonly allowed: boolean }>(
      kube,
      'SelfSubjectAccessReview',
      { resourceAttributes: attributesOf(right) },
      signal,
    )
    if (review?.allowed !== true) missing.push(right)
  }
  return missing
}

function attributesOf({ verb, group, resource, name, namespace }: Right) {
  const [plural, subresource] = resource.split('/')
  return { verb, group, resource: plural, subresource, name, namespace }
}

function grants({ verbs, apiGroups = [], resources = [], resourceNames = [] }: Rule, right: Right): boolean {
  const [, subresource] = right.resource.split('/')
  const has = (list: readonly string[], value: string) => list.includes(value) || list.includes('*')
  return (
    has(verbs, right.verb) &&
    has(apiGroups, right.group) &&
    (has(resources, right.resource) ||
      (subresource !== undefined && resources.includes(`*/${subresource}`))) &&
    (resourceNames.length === 0 || (right.name !== undefined && resourceNames.includes(right.name)))
  )
}

function judge(missing: readonly Right[]): CheckResult {
  const needed = missing.filter((right) => lossWithout(right) === undefined)
  if (needed.length > 0) return { kind: 'unmet', ...faultOf(missing, '') }
  const losses = new Set(missing.flatMap((right) => lossWithout(right) ?? []))
  const warnings = [...losses].map((loss) =>
    faultOf(
      missing.filter((right) => lossWithout(right) === loss),
      `, so ${loss}`,
    ),
  )
  return { kind: 'met', warnings }
}

function lossWithout({ group, resource }: Right): string | undefined {
  return optional.find((each) => each.group === group && each.resource === resource)?.loss
}

function faultOf(missing: readonly Right[], loss: string): Fault {
  return {
    reason: 'PermissionsMissing',
    message: `the operator's ServiceAccount may not ${missing.map(rightText).join('; ')}${loss}`,
    fix: 'apply the ClusterRole and Role of the installation again; the operator goes on by itself then',
  }
}

/** `patch nodes`, `get pods/log`, `get leases.coordination.k8s.io in namespace kmm-operator-system` */
function rightText(right: Right): string {
  const { verb, name, namespace } = right
  const which = name === undefined ? '' : ` "${name}"`
  return `${verb} ${qualifiedResource(right)}${which}${namespace === undefined ? '' : ` in namespace ${namespace}`}`
}
