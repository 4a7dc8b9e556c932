import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApiextensionsV1Api, KubeConfig } from '@kubernetes/client-node'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { parse, stringify } from 'yaml'
import { createKube } from '../../activities/kube/client.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import { leases } from '../../activities/kube/resources.ts'
import { group } from '../../api/names.ts'
import { permissions, type Permission } from '../../api/permissions.ts'
import { openCluster } from '../../cli/kube/cluster.ts'
import { NotInstalledError } from '../../cli/kube/errors.ts'
import { kinds } from '../../cli/kube/resources.ts'
import { applyManifests } from '../../lab/applyManifests.ts'
import { definitionFiles } from '../../lab/operator.ts'
import { runWhileLeader } from '../leaderElection.ts'
import { clusterVersion } from './clusterVersion.ts'
import { type Competition, createCompetition } from './competingOperators.ts'
import { definitions } from './definitions.ts'
import { permissionsGranted } from './permissions.ts'
import { PreconditionRunner } from './preconditionRunner.ts'

const { signal } = new AbortController()
const log = { info: vi.fn(), warn: vi.fn() }
const folder = mkdtempSync(join(tmpdir(), 'kmm-preconditions-'))
let kube: Kube

beforeAll(() => {
  kube = createKube(inject('kubeconfig'))
})
afterAll(async () => {
  await kube.close()
  rmSync(folder, { recursive: true, force: true })
})

async function apply(...objects: object[]): Promise<void> {
  const file = join(folder, 'objects.yaml')
  writeFileSync(file, objects.map((object) => stringify(object)).join('---\n'))
  await applyManifests(inject('kubeconfig'), [file])
}

test('this API server is new enough', async () => {
  expect(await clusterVersion(kube).check(signal)).toEqual({ kind: 'met' })
})

describe('definitions', () => {
  async function removeDefinitions(): Promise<void> {
    const config = new KubeConfig()
    config.loadFromFile(inject('kubeconfig'))
    const api = config.makeApiClient(ApiextensionsV1Api)
    for (const plural of ['modules', 'nodemodulesconfigs'])
      await api.deleteCustomResourceDefinition({ name: `${plural}.${group}` })
  }

  test('while they are missing the operator waits and the plugin says how to install; then it goes on', async () => {
    const precondition = definitions(kube)
    expect(await precondition.check(signal)).toEqual({ kind: 'met' })
    await removeDefinitions()
    try {
      await expect
        .poll(async () => await precondition.check(signal))
        .toMatchObject({
          reason: 'DefinitionsMissing',
          message: expect.stringContaining(`modules.${group}, node`),
        })
      const admin = openCluster({ kubeconfig: inject('kubeconfig') })
      const user = openCluster({ kubeconfig: inject('kubeconfig'), as: 'somebody' })
      for (const cluster of [admin, user]) {
        const place = { namespace: 'default', name: 'fpga' }
        await expect.poll(() => cluster.get(kinds.modules, place).catch(String)).toContain('is not installed')
        await expect(cluster.list(kinds.modules, {})).rejects.toThrow(NotInstalledError)
      }
    } finally {
      await applyManifests(inject('kubeconfig'), definitionFiles())
    }
    await expect.poll(async () => await precondition.check(signal)).toEqual({ kind: 'met' })
  })
})

describe('permissions', () => {
  const user = 'precondition-operator'
  const namespace = 'default'
  const apiVersion = 'rbac.authorization.k8s.io/v1'

  /** The objects that grant a table to the user. */
  async function grant(table: readonly Permission[]): Promise<void> {
    for (const [scope, kind] of [
      ['cluster', 'ClusterRole'] as const,
      ['operatorNamespace', 'Role'] as const,
    ]) {
      const rules = table
        .filter((each) => each.scope === scope)
        .map(({ group: apiGroup, resource, verbs, resourceNames }) => ({
          apiGroups: [apiGroup],
          resources: [resource],
          verbs,
          resourceNames,
        }))
      const metadata = { name: user, ...(kind === 'Role' ? { namespace } : {}) }
      await apply(
        { apiVersion, kind, metadata, rules },
        {
          apiVersion,
          kind: `${kind}Binding`,
          metadata,
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: user },
          subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
        },
      )
    }
  }

  /** A client with the rights of the user alone. */
  function asUser(): Kube {
    const config = parse(readFileSync(inject('kubeconfig'), 'utf8')) as { users: { user: object }[] }
    config.users = config.users.map((each) => ({ ...each, user: { ...each.user, as: user } }))
    const file = join(folder, 'user')
    writeFileSync(file, stringify(config))
    return createKube(file)
  }

  test('each right that is missing is named, and the operator goes on once it is granted', async () => {
    const without = (resource: string, verb: string) =>
      permissions.map((each) =>
        each.resource === resource ? { ...each, verbs: each.verbs.filter((other) => other !== verb) } : each,
      )
    const client = asUser()
    const precondition = permissionsGranted({ kube: client, namespace })
    const check = async () => await precondition.check(signal)
    try {
      await grant(without('pods/log', 'get').filter(({ verbs }) => verbs.length > 0))
      await expect.poll(check).toMatchObject({ message: expect.stringMatching(/may not get pods\/log$/) })

      await grant(without('leases', 'update'))
      await expect.poll(check).toMatchObject({
        kind: 'unmet',
        message: expect.stringMatching(/may not update leases.coordination.k8s.io in namespace default$/),
      })

      await grant(without('events', 'create'))
      await expect.poll(check).toMatchObject({ kind: 'met', warnings: [{ reason: 'PermissionsMissing' }] })

      await grant(permissions)
      await expect.poll(check).toEqual({ kind: 'met', warnings: [] })
      // Two reviews: the rules of an authorizer that lists them are enough.
      const count = () => client.requests.get('create selfsubjectaccessreviews') ?? 0
      const before = count()
      await check()
      expect(count()).toBe(before)
    } finally {
      await client.close()
    }
  })

  test('rights in a namespace are not rights in the cluster', async () => {
    const client = asUser()
    try {
      await grant(permissions.map((each) => ({ ...each, scope: 'operatorNamespace' as const })))
      await expect
        .poll(async () => await permissionsGranted({ kube: client, namespace }).check(signal))
        .toMatchObject({ kind: 'unmet', message: expect.stringContaining('may not list modules.kmm') })
    } finally {
      await client.close()
    }
  })
})

describe('two operators', () => {
  const timing = { observeMs: 100, graceMs: 0, patienceMs: 60_000 }
  const election = { leaseMs: 5_000, renewDeadlineMs: 4_000, retryMs: 100 }
  let name: string
  let count = 0
  beforeEach(async () => {
    name = `competition-${process.pid}-${count++}`
    const names = ['operator-a', 'operator-b']
    await apply(...names.map((each) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: each } })))
  })

  /** The preconditions, election and lead of an operator, as worker/operator.ts puts them together. */
  function operator(namespace: string) {
    const ending = new AbortController()
    const competition: Competition = createCompetition({ kube, namespace, name, timing })
    const reported: string[] = []
    const state = { working: false, leading: false }
    const runner = new PreconditionRunner({
      preconditions: [competition],
      log,
      signal: ending.signal,
      report: ({ reason }) => void reported.push(reason),
      timing: { firstRetryMs: 100, longestRetryMs: 200, firstRecheckMs: 200, recheckMs: 200 },
    })
    const running = runner.run(async (term) => {
      state.working = true
      const options = { namespace, name, identity: namespace, log, signal: term.signal, timing: election }
      try {
        await runWhileLeader(kube, options, async (leading) => {
          const verdict = await competition.beforeLeading(leading).catch(() => undefined)
          if (verdict?.kind === 'yield') term.end(competition, verdict.fault)
          if (verdict?.kind !== 'lead') return
          state.leading = true
          await new Promise((resolve) => leading.addEventListener('abort', resolve))
          state.leading = false
        })
      } finally {
        state.working = false
      }
    })
    const stop = async () => {
      ending.abort()
      await running
    }
    return { state, reported, runner, stop }
  }

  test('the one that came later does nothing, and takes over when the other has ended', async () => {
    for (const [early, late] of [
      ['operator-a', 'operator-b'],
      ['operator-b', 'operator-a'],
    ] as const) {
      const first = operator(early)
      await expect.poll(() => first.state.leading).toBe(true)
      const second = operator(late)
      await expect.poll(() => second.reported).toEqual(['OtherOperatorInCharge'])
      expect(second.runner.readiness()).toContain(`"${early}" holds Lease ${early}/${name}`)
      expect(second.state).toEqual({ working: false, leading: false })
      await first.stop()
      await expect.poll(() => second.state.leading).toBe(true)
      await second.stop()
    }
  })

  test('of two that start at the same moment exactly one ends up leading', async () => {
    const both = [operator('operator-a'), operator('operator-b')]
    await expect.poll(() => both.filter(({ state }) => state.leading).length).toBe(1)
    await expect.poll(() => both.filter(({ state }) => state.working).length).toBe(1)
    expect(both.every(({ state }) => state.working === state.leading)).toBe(true)
    await Promise.all(both.map(({ stop }) => stop()))
  })

  test('a leader gives way to an older Lease that is renewed again, as of KMM after a pause', async () => {
    const metadata = { namespace: 'operator-a', name }
    const body = { apiVersion: leases.apiVersion, kind: leases.kind, metadata }
    await kube.create(leases, { ...body, spec: { holderIdentity: '', leaseDurationSeconds: 15 } })
    const younger = operator('operator-b')
    await expect.poll(() => younger.state.leading).toBe(true)
    const renewing = setInterval(() => {
      const renewTime = new Date().toISOString().replace('Z', '000Z')
      void kube.patch(leases, metadata, { spec: { holderIdentity: 'kmm_0b7c', renewTime } })
    }, 100)
    try {
      await expect.poll(() => younger.state.working).toBe(false)
      expect(younger.reported).toEqual(['OtherOperatorInCharge'])
    } finally {
      clearInterval(renewing)
    }
    await kube.patch(leases, metadata, { spec: { holderIdentity: '' } })
    await expect.poll(() => younger.state.leading).toBe(true)
    await younger.stop()
  })
})
