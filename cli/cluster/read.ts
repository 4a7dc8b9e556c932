import { z } from 'zod'
import { labels, moduleKey, type ModuleRef } from '../../api/names.ts'
import type { ConfigMapObject, NodeObject, PodObject } from '../../api/kubernetesObjects.ts'
import { CliError, exitCodes } from '../exitCodes.ts'
import type { Cluster } from '../kube/cluster.ts'
import { ForbiddenError, rightWords, type Right } from '../kube/errors.ts'
import { kinds, type StoredObject } from '../kube/resources.ts'
import type { ClusterObjects } from './snapshot.ts'

/** What could not be looked at, and the right that is missing for it. */
export interface Gap {
  readonly what: keyof ClusterObjects | 'namespace' | 'operator' | 'secrets' | 'serviceAccount'
  readonly right: Right
}

/** A gap in words. */
export function gapSentence({ right }: Gap): string {
  return `not looked at: you may not ${rightWords(right)}`
}

/** Objects of all pods that the operator makes. */
export const ownPods = `${labels.partOf}=kmm`

export interface ReadObjects {
  readonly objects: ClusterObjects
  readonly gaps: readonly Gap[]
}

/**
 * Everything the views of one Module are made of. What this user may not read is a gap, the rest goes on without;
 * the Module itself must be readable. Throws a CliError when there is no such Module.
 */
export async function readAround(cluster: Cluster, ref: ModuleRef): Promise<ReadObjects> {
  const module = await cluster.get<StoredObject>(kinds.modules, ref)
  if (module === undefined) throw await noSuchModule(cluster, ref)
  return await readWith(cluster, [module], ref.namespace)
}

/** The same for Modules that are known already, such as those of a file. */
export async function readWith(
  cluster: Cluster,
  modules: readonly StoredObject[],
  namespace: string,
): Promise<ReadObjects> {
  const gaps: Gap[] = []
  const orGap = async <T>(what: Gap['what'], read: () => Promise<readonly T[]>): Promise<readonly T[]> => {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof ForbiddenError)) throw error
      gaps.push({ what, right: error.right })
      return []
    }
  }
  const [others, nodes, nodeModulesConfigs, pods, configMaps] = await Promise.all([
    // Others may build the same image.
    orGap('modules', async () => (await cluster.list<StoredObject>(kinds.modules, { namespace })).items),
    orGap('nodes', async () => (await cluster.list<StoredObject & NodeObject>(kinds.nodes, {})).items),
    orGap(
      'nodeModulesConfigs',
      async () => (await cluster.list<StoredObject>(kinds.nodeModulesConfigs, {})).items,
    ),
    orGap(
      'pods',
      async () =>
        (await cluster.list<StoredObject & PodObject>(kinds.pods, { namespace }, { labelSelector: ownPods }))
          .items,
    ),
    orGap('configMaps', async () => await readDockerfiles(cluster, modules, namespace)),
  ])
  const key = (object: StoredObject) => moduleKey({ namespace, ...object.metadata })
  const known = new Set(modules.map(key))
  const all = [...modules, ...others.filter((other) => !known.has(key(other)))]
  return { objects: { modules: all, nodes, nodeModulesConfigs, pods, configMaps }, gaps }
}

/** The ConfigMaps that Modules name, each by its name: listing them all takes more rights. */
async function readDockerfiles(
  cluster: Cluster,
  modules: readonly StoredObject[],
  namespace: string,
): Promise<ConfigMapObject[]> {
  const names = new Set(modules.flatMap(dockerfilesOf))
  const found = await Promise.all(
    [...names].map(
      async (name) =>
        await cluster.get<StoredObject & ConfigMapObject>(kinds.configMaps, { namespace, name }),
    ),
  )
  return found.flatMap((configMap) => configMap ?? [])
}

const build = z.object({ build: z.object({ dockerfileConfigMap: z.object({ name: z.string() }) }) })
const container = z.object({ kernelMappings: z.array(z.unknown()) })

/** Names of the ConfigMaps with Dockerfiles that a Module mentions, readable or not. */
export function dockerfilesOf(module: object): string[] {
  const spec = z
    .object({ spec: z.object({ moduleLoader: z.object({ container: z.looseObject({}) }) }) })
    .safeParse(module).data?.spec
  const levels = [
    spec?.moduleLoader.container,
    ...(container.safeParse(spec?.moduleLoader.container).data?.kernelMappings ?? []),
  ]
  return levels.flatMap((level) => build.safeParse(level).data?.build.dockerfileConfigMap.name ?? [])
}

/** Says where there is a Module of that name, so that a wrong namespace is seen at once. */
async function noSuchModule(cluster: Cluster, { namespace, name }: ModuleRef): Promise<CliError> {
  const fieldSelector = `metadata.name=${name}`
  const others = await cluster.list<StoredObject>(kinds.modules, {}, { fieldSelector }).then(
    ({ items }) => items.map(({ metadata }) => metadata.namespace ?? ''),
    // Who may not look everywhere is told what is known.
    () => [],
  )
  const hint = others.length === 0 ? '' : `; there is one in namespace ${others.join(', ')}`
  return new CliError(`There is no Module ${namespace}/${name}${hint}.`, exitCodes.notFound)
}
