import { readFile } from 'node:fs/promises'
import {
  ApiextensionsV1Api,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  loadAllYaml,
  PatchStrategy,
} from '@kubernetes/client-node'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Applies the objects of YAML files (server-side apply, in order) and waits until the CustomResourceDefinitions
 * among them are served. Throws what the API server answers, with the file's name, or when a definition is not
 * served after 30 s.
 */
export async function applyManifests(kubeconfig: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    try {
      await applyObjects(kubeconfig, await readObjects(file))
    } catch (error) {
      throw new Error(`${file}: ${messageOf(error)}`, { cause: error })
    }
  }
}

/** The same for objects that are in no file. */
export async function applyObjects(kubeconfig: string, objects: readonly KubernetesObject[]): Promise<void> {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const client = KubernetesObjectApi.makeApiClient(config)
  const definitions = config.makeApiClient(ApiextensionsV1Api)
  for (const object of objects) {
    try {
      await client.patch(object, undefined, undefined, 'kmm-lab', true, PatchStrategy.ServerSideApply)
    } catch (error) {
      const name = `${object.kind} ${object.metadata?.name}`
      throw new Error(`the API server does not take ${name}: ${messageOf(error)}`, { cause: error })
    }
    if (object.kind === 'CustomResourceDefinition') {
      await untilServed(definitions, object.metadata?.name ?? '')
    }
  }
}

/** The client's own reader: its writer drops `default` and `x-kubernetes-*` of a definition read by another. */
async function readObjects(file: string): Promise<KubernetesObject[]> {
  return loadAllYaml(await readFile(file, 'utf8')) as KubernetesObject[]
}

async function untilServed(api: ApiextensionsV1Api, name: string): Promise<void> {
  const deadline = performance.now() + 30_000
  while (performance.now() < deadline) {
    const { status } = await api.readCustomResourceDefinition({ name })
    if (status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') === true)
      return
    await sleep(50)
  }
  throw new Error(`the CustomResourceDefinition ${name} is not served after 30 s`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
