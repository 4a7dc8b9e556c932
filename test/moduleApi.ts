import { ApiException, CoreV1Api, CustomObjectsApi, KubeConfig } from '@kubernetes/client-node'
import { inject } from 'vitest'
import { apiVersion, group, version } from '../api/names.ts'

const config = new KubeConfig()
config.loadFromFile(inject('kubeconfig'))
export const custom = config.makeApiClient(CustomObjectsApi)
export const core = config.makeApiClient(CoreV1Api)
export const namespace = 'default'
export const modules = { group, version, namespace, plural: 'modules', fieldValidation: 'Strict' }

let count = 0

/** Creates a Module in namespace default (or only tries), refusing unknown fields as kubectl does. */
export async function createModule(spec: object, name = `crd-${process.pid}-${count++}`, dryRun?: 'All') {
  const body = { apiVersion, kind: 'Module', metadata: { name, namespace }, spec }
  const created: unknown = await custom.createNamespacedCustomObject({
    ...modules,
    body,
    ...(dryRun === undefined ? {} : { dryRun }),
  })
  return created as { metadata: { name: string; resourceVersion: string }; spec: object; kind: string }
}

/** What the API server says to something it refuses. */
export async function refusal(request: Promise<unknown>): Promise<string> {
  try {
    await request
  } catch (error) {
    if (!(error instanceof ApiException)) throw error
    return (JSON.parse(String(error.body)) as { message: string }).message
  }
  return 'nothing: it was taken'
}
