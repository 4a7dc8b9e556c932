import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node'
import { parse, stringify } from 'yaml'
import { operatorName } from '../api/permissions.ts'
import { applyManifests, applyObjects } from './applyManifests.ts'
import { writePrivately } from './kubeconfig.ts'

/** Namespace of the operator's Leases, as in deploy/. */
export const operatorNamespace = 'kmm-operator-system'

/** The operator's user, as the API server knows it, where it is installed in the cluster. */
export const operatorAccount = `system:serviceaccount:${operatorNamespace}:${operatorName}`

const roles = join(import.meta.dirname, '../deploy/kustomize/rbac.yaml')
/** No lab's operator lives longer as a process. */
const tokenSeconds = 7 * 24 * 3_600

/**
 * Makes the operator's ServiceAccount with the shipped roles, for an operator that runs as a process, and writes a
 * kubeconfig with a token of it to `dir`, which only its owner can read. Gives its path; throws what the API server
 * answers to the admin of `kubeconfig`.
 */
export async function operatorKubeconfig(kubeconfig: string, dir: string): Promise<string> {
  await applyObjects(kubeconfig, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: operatorNamespace } },
  ])
  await applyManifests(kubeconfig, [roles])
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const { status } = await config.makeApiClient(CoreV1Api).createNamespacedServiceAccountToken({
    namespace: operatorNamespace,
    name: operatorName,
    body: { spec: { audiences: [], expirationSeconds: tokenSeconds } },
  })
  const content = parse(readFileSync(kubeconfig, 'utf8')) as { users: { user: object }[] }
  const users = content.users.map((user) => ({ ...user, user: { token: status?.token } }))
  mkdirSync(dir, { recursive: true })
  const file = join(dir, 'operator.kubeconfig')
  writePrivately(file, stringify({ ...content, users }))
  return file
}
