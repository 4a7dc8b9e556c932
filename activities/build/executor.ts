import type { V1EnvVar } from '@kubernetes/client-node'
import { buildArgs } from '../../api/buildInputs.ts'
import { imageLabels, moduleKey } from '../../api/names.ts'
import type { BuildPodInput } from './buildPod.ts'

/** The name of the build node, which nobody knows before the scheduler has chosen it. */
export const buildNodeVariable: V1EnvVar = {
  name: 'KMM_BUILD_NODE',
  valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } },
}

/**
 * kaniko's arguments (images:BLD-4 to BLD-6): where to push, how to speak to registries, where the image comes from
 * as its labels (images:KMI-7 Better), and the build arguments. The digest of the image becomes the container's
 * termination message.
 */
export function executorArguments(input: BuildPodInput): string[] {
  const { mapping, module, kernel, build: settings } = input
  const { registryTLS, build } = mapping
  const flags = (flag: string, values: Readonly<Record<string, string>>) =>
    Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`])
  const args = buildArgs(mapping, module.metadata, kernel)
  return [
    '--destination',
    mapping.image,
    ...(registryTLS.insecure ? ['--insecure'] : []),
    ...(registryTLS.insecureSkipTLSVerify ? ['--skip-tls-verify'] : []),
    ...(build?.baseImageRegistryTLS?.insecure ? ['--insecure-pull'] : []),
    ...(build?.baseImageRegistryTLS?.insecureSkipTLSVerify ? ['--skip-tls-verify-pull'] : []),
    '--digest-file=/dev/termination-log',
    '--log-format=text',
    `--push-retry=${settings.pushRetry}`,
    `--image-download-retry=${settings.downloadRetry}`,
    `--image-fs-extract-retry=${settings.downloadRetry}`,
    ...flags('--label', {
      [imageLabels.module]: moduleKey(module.metadata),
      [imageLabels.kernel]: literal(kernel),
      [imageLabels.inputHash]: input.inputHash,
      [imageLabels.cluster]: input.cluster,
      [imageLabels.buildNode]: `$(${buildNodeVariable.name})`,
    }),
    ...args.flatMap(({ name, value }) => ['--build-arg', literal(`${name}=${value}`)]),
  ]
}

/** Kubernetes puts variables in place of `$(NAME)` in arguments and makes one `$` of two: a user's text stays as it is. */
function literal(text: string): string {
  return text.replaceAll('$', '$$$$')
}

/** `kanikoParams.tag` replaces the tag (or digest) of the executor image; a registry port is no tag (BLD-3). */
export function executorImage(image: string, tag: string | undefined): string {
  if (tag === undefined || tag === '') return image
  const [path = ''] = image.split('@')
  const slash = path.lastIndexOf('/')
  const colon = path.indexOf(':', slash + 1)
  return `${colon === -1 ? path : path.slice(0, colon)}:${tag}`
}
