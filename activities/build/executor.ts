import type { V1EnvVar, V1Volume } from '@kubernetes/client-node'
import { buildArgs, sourceHash } from '../../api/buildInputs.ts'
import { annotations, imageLabels, moduleKey } from '../../api/names.ts'
import { parseImageReference } from '../../api/imageReference.ts'
import { baseRegistries } from './baseRegistries.ts'
import type { BuildPodInput } from './buildPod.ts'

/** The name of the build node, which nobody knows before the scheduler has chosen it. */
const buildNodeVariable: V1EnvVar = {
  name: 'KMM_BUILD_NODE',
  valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } },
}

/** Below kaniko's own folder, which no step of a build sees as part of its file system. */
export const authoritiesFolder = '/kaniko/ssl/kmm'
/** No ConfigMap of the operator can be mounted in the Module's namespace: the pod brings the text along. */
export const authoritiesVolume: V1Volume = {
  name: 'registry-authorities',
  downwardAPI: {
    items: [
      {
        path: 'ca.crt',
        fieldRef: { fieldPath: `metadata.annotations['${annotations.registryAuthorities}']` },
      },
    ],
  },
}

/** Where Go programs look for authorities: a list of folders. The first is that of kaniko's own image. */
const certificateFolders = 'SSL_CERT_DIR'
const executorCertificates = '/kaniko/ssl/certs'

/** Environment of the executor: the configuration's `build.env`, and what we need ourselves. */
export function executorEnvironment(
  env: readonly { readonly name: string; readonly value: string }[],
  withAuthorities: boolean,
): V1EnvVar[] {
  if (!withAuthorities) return [buildNodeVariable, ...env]
  const own = env.find(({ name }) => name === certificateFolders)?.value ?? executorCertificates
  const others = env.filter(({ name }) => name !== certificateFolders)
  return [buildNodeVariable, ...others, { name: certificateFolders, value: `${own}:${authoritiesFolder}` }]
}

/**
 * kaniko's arguments (images:BLD-4 to BLD-6): where to push, how to speak to registries, where the image comes from
 * as its labels (images:KMI-7 Better), and the build arguments. The digest of the image becomes the container's
 * termination message.
 */
export function executorArguments(input: BuildPodInput): string[] {
  const { mapping, module, kernel, build: settings } = input
  const { registryTLS, build: { baseImageRegistryTLS = {} } = {} } = mapping
  const flags = (flag: string, values: Readonly<Record<string, string>>) =>
    Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`])
  const args = buildArgs(mapping, module.metadata, kernel)
  // kaniko's --skip-tls-verify holds for pulls too, and its --skip-tls-verify-pull does nothing: registries are named.
  const unverified = new Set([
    ...(registryTLS.insecureSkipTLSVerify ? [parseImageReference(mapping.image).registry] : []),
    ...(baseImageRegistryTLS.insecureSkipTLSVerify ? baseRegistries(input.dockerfile, args) : []),
  ])
  return [
    '--destination',
    mapping.image,
    ...(registryTLS.insecure ? ['--insecure'] : []),
    ...(baseImageRegistryTLS.insecure ? ['--insecure-pull'] : []),
    ...[...unverified].flatMap((registry) => ['--skip-tls-verify-registry', registry]),
    '--digest-file=/dev/termination-log',
    '--log-format=text',
    `--push-retry=${settings.pushRetry}`,
    `--image-download-retry=${settings.downloadRetry}`,
    `--image-fs-extract-retry=${settings.downloadRetry}`,
    ...flags('--label', {
      [imageLabels.module]: moduleKey(module.metadata),
      [imageLabels.kernel]: literal(kernel),
      [imageLabels.inputHash]: input.inputHash,
      [imageLabels.sourceHash]: sourceHash({ ...input, ref: module.metadata }),
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
