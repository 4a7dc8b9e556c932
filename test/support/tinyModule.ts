import type { WriteBody } from '../../activities/kube/kube.ts'
import { apiVersion } from '../../api/names.ts'
import { buildNodeLabels } from '../../lab/realNodes.ts'
import { simulatedTaint } from '../../lab/simulated/nodes.ts'

/** The label by which the Modules of a scenario find its own simulated nodes. */
export const scenarioLabel = 'kmm-temporal.test/scenario'

/** What a tiny Module is made of; its name is also that of its ConfigMap. */
export interface TinyModule {
  readonly namespace: string
  readonly name: string
  /** HOST:PORT of the registry it is pushed to; plain HTTP. */
  readonly registry: string
  /** More of the kernel mapping, in place of what is here. */
  readonly mapping?: Readonly<Record<string, unknown>>
  /** More of the spec. */
  readonly spec?: Readonly<Record<string, unknown>>
}

/** A Module for the simulated nodes of its scenario, whose image takes seconds to build on the real build node. */
export function tinyModule({ namespace, name, registry, mapping, spec }: TinyModule): WriteBody {
  return {
    apiVersion,
    kind: 'Module',
    metadata: { namespace, name },
    spec: {
      selector: { [scenarioLabel]: namespace },
      tolerations: [{ ...simulatedTaint, operator: 'Equal' }],
      moduleLoader: {
        container: {
          modprobe: { moduleName: 'tiny' },
          kernelMappings: [
            {
              regexp: '^.+$',
              containerImage: `${registry}/${namespace}/${name}:\${KERNEL_FULL_VERSION}`,
              registryTLS: { insecure: true },
              build: tinyBuild(name),
              ...mapping,
            },
          ],
        },
      },
      ...spec,
    },
  }
}

/** The build section of a tiny Module. */
export function tinyBuild(configMap: string) {
  return {
    dockerfileConfigMap: { name: configMap },
    selector: { ...buildNodeLabels },
    baseImageRegistryTLS: { insecure: true },
  }
}

/** A ConfigMap with a Dockerfile. */
export function dockerfile(namespace: string, name: string, text: string): WriteBody {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data: { dockerfile: text } }
}

/** A Dockerfile on the lab's smallest image, which is a static busybox; each command is an argument list. */
export function tinyDockerfile(base: string, ...commands: readonly (readonly string[])[]): string {
  const lines = commands.map((command) => `RUN ${JSON.stringify(['/bin/busybox', ...command])}`)
  return [`FROM ${base}`, ...lines, ''].join('\n')
}

/** A build command that depends on a gate. */
export function fetching(url: string): readonly string[] {
  return ['wget', '-q', '-O', '-', url]
}
