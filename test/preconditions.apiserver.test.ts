import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApiextensionsV1Api, KubeConfig } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { createKube } from '../activities/kube/client.ts'
import type { Kube } from '../activities/kube/kube.ts'
import { group } from '../api/names.ts'
import { type Permission, permissions } from '../api/permissions.ts'
import { openCluster } from '../cli/kube/cluster.ts'
import { NotInstalledError } from '../cli/kube/errors.ts'
import { kinds } from '../cli/kube/resources.ts'
import { applyManifests } from '../lab/applyManifests.ts'
import { startControlPlane } from '../lab/controlPlane.ts'
import { definitionFiles } from '../lab/operator.ts'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { openTestFolder } from '../lab/testFolder.ts'
import { clusterVersion } from '../worker/preconditions/clusterVersion.ts'
import { definitions } from '../worker/preconditions/definitions.ts'
import { permissionsGranted } from '../worker/preconditions/permissions.ts'

const { signal } = new AbortController()
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

/** An API server of its own: definitions go with all Modules of other tests, or wait for their finalizers for ever. */
describe('definitions', () => {
  const own = openTestFolder('definitions')
  let kubeconfig: string
  let kube: Kube
  beforeAll(async () => {
    const { dir, supervisor } = own
    const programs = ensurePrograms(['etcd', 'kube-apiserver'])
    const components = 'apiserver'
    const started = await startControlPlane({ dir, supervisor, programs, address: '127.0.0.1', components })
    kubeconfig = started.kubeconfig
    kube = createKube(kubeconfig)
    await applyManifests(kubeconfig, definitionFiles())
  })
  afterAll(async () => {
    await kube.close()
    await own.close()
  })

  async function removeDefinitions(): Promise<void> {
    const config = new KubeConfig()
    config.loadFromFile(kubeconfig)
    const api = config.makeApiClient(ApiextensionsV1Api)
    for (const plural of ['modules', 'nodemodulesconfigs'])
      await api.deleteCustomResourceDefinition({ name: `${plural}.${group}` })
  }

  test('while they are missing the operator waits and the plugin says how to install; then it goes on', async () => {
    const precondition = definitions(kube)
    expect(await precondition.check(signal)).toEqual({ kind: 'met' })
    await removeDefinitions()
    await expect
      .poll(async () => await precondition.check(signal))
      .toMatchObject({
        reason: 'DefinitionsMissing',
        message: expect.stringContaining(`modules.${group}, node`),
      })
    const admin = openCluster({ kubeconfig })
    const user = openCluster({ kubeconfig, as: 'somebody' })
    for (const cluster of [admin, user]) {
      const place = { namespace: 'default', name: 'fpga' }
      await expect.poll(() => cluster.get(kinds.modules, place).catch(String)).toContain('is not installed')
      await expect(cluster.list(kinds.modules, {})).rejects.toThrow(NotInstalledError)
    }
    await applyManifests(kubeconfig, definitionFiles())
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
