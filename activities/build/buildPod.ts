import { buildArgs, sourceHash } from '../../api/buildInputs.ts'
import { buildPodName, imageLabels, moduleKey } from '../../api/names.ts'
import type { PodBody } from '../podBody.ts'
import { baseRegistries } from './baseRegistries.ts'
import { buildNode, executorArguments, executorImage, literal } from './executor.ts'
import { imagePod, secretVolume, type ImagePodInput, type Mount } from './imagePod.ts'

export interface BuildPodInput extends ImagePodInput {
  /** The text of the Dockerfile. */
  readonly dockerfile: string
}

/**
 * The kaniko pod of one build attempt (images:4.2 with the Betters): volumes are named by index, so that any Secret
 * name fits (BLD-8); the image says in labels where it comes from (images:KMI-7 Better). Throws when the mapping has no
 * `build` section.
 */
export function buildPod(input: BuildPodInput): PodBody {
  const { module, mapping, kernel, image, inputHash, attempt, cluster, dockerfile, build: settings } = input
  const { build } = mapping
  if (build === undefined) throw new Error('a build pod needs a mapping with a build section')
  const { name } = module.metadata
  const configMap = {
    name: build.dockerfileConfigMap.name,
    items: [{ key: 'dockerfile', path: 'Dockerfile' }],
  }
  const mounts: Mount[] = [
    { volume: { name: 'dockerfile', configMap }, path: '/workspace' },
    {
      volume: { name: 'lib-modules', hostPath: { path: '/lib/modules', type: 'Directory' } },
      path: '/host/lib/modules',
    },
    ...(build.secrets ?? []).map((secret, index) => ({
      volume: secretVolume(`secret-${index}`, secret.name),
      path: `/run/secrets/${secret.name}`,
    })),
  ]
  const args = buildArgs(mapping, module.metadata, kernel)
  const pushes = executorArguments({
    image,
    registryTLS: mapping.registryTLS,
    pulls: { tls: build.baseImageRegistryTLS, from: baseRegistries(dockerfile, args) },
    labels: {
      [imageLabels.module]: moduleKey(module.metadata),
      [imageLabels.kernel]: literal(kernel),
      [imageLabels.inputHash]: inputHash,
      [imageLabels.sourceHash]: sourceHash({ ...input, ref: module.metadata }),
      [imageLabels.cluster]: cluster,
      [imageLabels.buildNode]: buildNode,
    },
    settings,
  })
  const executor = {
    image: executorImage(settings.image, build.kanikoParams?.tag),
    args: [...pushes, ...args.flatMap((arg) => ['--build-arg', literal(`${arg.name}=${arg.value}`)])],
  }
  const podName = buildPodName(name, inputHash, attempt)
  return imagePod(input, { resourceType: 'BuildImage', name: podName, executor, mounts })
}
