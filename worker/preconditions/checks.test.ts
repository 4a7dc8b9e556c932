import { describe, expect, test } from 'vitest'
import { KubeError } from '../../activities/kube/errors.ts'
import type { KubeRequest, Transport } from '../../activities/kube/transport.ts'
import type { Permission } from '../../api/permissions.ts'
import { clusterVersion } from './clusterVersion.ts'
import { definitions } from './definitions.ts'
import { permissionsGranted } from './permissions.ts'
import { policiesInForce } from './policies.ts'

const { signal } = new AbortController()
const forbidden = new KubeError({ code: 403, reason: 'Forbidden', message: 'no' })

/** An API server that answers requests for JSON. */
function answering(answer: (request: KubeRequest) => object): {
  readonly kube: { readonly transport: Transport }
} {
  const json = async (request: KubeRequest) => {
    const given = answer(request)
    if (given instanceof Error) throw given
    return given
  }
  return { kube: { transport: { json } as unknown as Transport } }
}

describe('the version of the cluster', () => {
  const check = async (answer: object) => await clusterVersion(answering(() => answer).kube).check(signal)

  test.each([
    [{ major: '1', minor: '30' }],
    [{ major: '1', minor: '34+' }],
    [{ major: '2', minor: '0' }],
    [{}],
    [forbidden],
  ])('%j will do', async (answer) => {
    expect(await check(answer)).toEqual({ kind: 'met' })
  })

  test('one that is too old is named, with the oldest that will do', async () => {
    const result = await check({ major: '1', minor: '29', gitVersion: 'v1.29.3' })
    expect(result).toMatchObject({
      kind: 'unmet',
      reason: 'ClusterTooOld',
      message: 'the cluster runs Kubernetes v1.29.3, kmm-temporal needs 1.30 or newer',
    })
  })
})

describe('the definitions', () => {
  const check = async (answer: object) => await definitions(answering(() => answer).kube).check(signal)
  const served = (...names: string[]) => ({ resources: names.map((name) => ({ name })) })

  test('both are served', async () => {
    expect(await check(served('modules', 'modules/status', 'nodemodulesconfigs'))).toEqual({ kind: 'met' })
  })
  test.each([
    [
      new KubeError({ code: 404, reason: 'Unknown', message: 'x' }),
      'modules.kmm.sigs.x-k8s.io, nodemodulesconfigs.',
    ],
    [served('modules'), 'nodemodulesconfigs.kmm.sigs.x-k8s.io'],
  ])('those that are missing are named, with the command that installs them', async (answer, names) => {
    expect(await check(answer)).toMatchObject({
      kind: 'unmet',
      reason: 'DefinitionsMissing',
      message: expect.stringContaining(names),
      fix: expect.stringContaining('kubectl apply'),
    })
  })
  test('an API server that does not answer has no verdict', async () => {
    await expect(check(new KubeError({ reason: 'Unreachable', message: 'away' }))).rejects.toThrow('away')
  })
})

describe('the policies that guard what the operator believes', () => {
  const notFound = new KubeError({ code: 404, reason: 'Unknown', message: 'x' })
  const check = async (isMissing: (path: string) => boolean) =>
    await policiesInForce(answering(({ path }) => (isMissing(path) ? notFound : {})).kube).check(signal)
  test('are in force', async () => {
    expect(await check(() => false)).toEqual({ kind: 'met' })
  })
  test.each([
    ['policies', 'ValidatingAdmissionPolicy kmm-operator-records'],
    ['policybindings', 'ValidatingAdmissionPolicyBinding kmm-operator-records'],
  ])('a warning names %s that are missing, with what installs them', async (resource, missing) => {
    const result = await check((path) => path.endsWith(`${resource}/kmm-operator-records`))
    const [warning] = result.kind === 'met' ? (result.warnings ?? []) : []
    expect(warning?.message).toMatch(new RegExp(`^${missing} missing`))
    expect(warning?.fix).toContain('kubectl apply -k deploy/')
  })
})

describe('permissions', () => {
  const permission = (group: string, resource: string, verbs: string[], more: Partial<Permission> = {}) => ({
    scope: 'cluster' as const,
    group,
    resource,
    verbs,
    reason: '',
    ...more,
  })
  const table: readonly Permission[] = [
    permission('', 'nodes', ['list', 'patch']),
    permission('', 'pods/log', ['get']),
    permission('', 'events', ['create']),
    permission('', 'namespaces', ['get'], { resourceNames: ['kube-system'] }),
    permission('coordination.k8s.io', 'leases', ['update'], { scope: 'operatorNamespace' }),
  ]
  const rule = (verbs: string[], apiGroups: string[], resources: string[], resourceNames: string[] = []) => ({
    verbs,
    apiGroups,
    resources,
    resourceNames,
  })
  const all = [
    rule(['*'], [''], ['nodes', 'events']),
    rule(['get'], ['*'], ['*/log']),
    rule(['get', 'list'], [''], ['namespaces'], ['kube-system']),
  ]
  const inNamespace = rule(['update'], ['coordination.k8s.io'], ['leases'])

  function reviewing(
    rules: readonly object[],
    own: readonly object[],
    allows: (attributes: object) => boolean,
  ) {
    const asked: object[] = []
    const { kube } = answering(({ resource, body }) => {
      const { spec } = body as { readonly spec: { namespace?: string; resourceAttributes?: object } }
      if (resource === 'selfsubjectrulesreviews')
        return { status: { resourceRules: spec.namespace === 'ours' ? own : rules, incomplete: true } }
      asked.push(spec.resourceAttributes ?? {})
      return { status: { allowed: allows(spec.resourceAttributes ?? {}) } }
    })
    const check = async () =>
      await permissionsGranted({ kube, namespace: 'ours', permissions: table }).check(signal)
    return { check, asked }
  }

  test('rules that show every right are enough', async () => {
    const { check, asked } = reviewing(all, [inNamespace], () => false)
    expect(await check()).toEqual({ kind: 'met', warnings: [] })
    expect(asked).toEqual([])
  })

  test('a right that the rules do not show is asked for by itself before it is called missing', async () => {
    const { check, asked } = reviewing(all.slice(0, 1), [inNamespace], () => true)
    expect(await check()).toEqual({ kind: 'met', warnings: [] })
    expect(asked).toEqual([
      { verb: 'get', group: '', resource: 'pods', subresource: 'log' },
      { verb: 'get', group: '', resource: 'namespaces', name: 'kube-system' },
    ])
  })

  test('each that is missing is named with verb, resource and namespace', async () => {
    const { check } = reviewing([], [], () => false)
    expect(await check()).toMatchObject({
      kind: 'unmet',
      reason: 'PermissionsMissing',
      message:
        "the operator's ServiceAccount may not list nodes; patch nodes; get pods/log; create events; " +
        'get namespaces "kube-system"; update leases.coordination.k8s.io in namespace ours',
    })
  })

  test('a rule for one object is not the right to all', async () => {
    const rules = [
      ...all.slice(1),
      rule(['list', 'patch'], [''], ['nodes'], ['n1']),
      rule(['*'], [''], ['events']),
    ]
    const { check } = reviewing(rules, [inNamespace], () => false)
    expect(await check()).toMatchObject({
      kind: 'unmet',
      message: expect.stringMatching(/not list nodes; patch nodes$/),
    })
  })

  test('what modules are managed without is a warning', async () => {
    const rules = [...all.slice(1), rule(['*'], [''], ['nodes'])]
    const { check } = reviewing(rules, [inNamespace], () => false)
    expect(await check()).toMatchObject({
      kind: 'met',
      warnings: [{ message: expect.stringMatching(/may not create events, so no Events are written$/) }],
    })
  })

  test('an operator that may not review its access goes on', async () => {
    const check = permissionsGranted({ ...answering(() => forbidden), namespace: 'ours', permissions: table })
    expect(await check.check(signal)).toMatchObject({
      kind: 'met',
      warnings: [{ reason: 'PermissionsUnknown' }],
    })
  })
})
