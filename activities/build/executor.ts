import type { V1EnvVar, V1ResourceRequirements, V1SecurityContext, V1Volume } from '@kubernetes/client-node'
import type { OperatorConfig } from '../../api/config.ts'
import { parseImageReference } from '../../api/imageReference.ts'
import type { TLSOptions } from '../../api/module.ts'
import { annotations } from '../../api/names.ts'

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
 * What the executor and the commands of a Dockerfile need as root: it unpacks images with owners, modes and file
 * capabilities; commands install packages (which chown, change users, chroot and write audit records) and end their
 * children. Less than container runtimes give by default: no raw sockets, device nodes or low ports.
 */
const capabilities = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETFCAP',
  'SETGID',
  'SETUID',
  'SYS_CHROOT',
]

/**
 * Of the container that runs the executor. Commands of a Dockerfile may change to a user who uses sudo, which
 * `allowPrivilegeEscalation: false` would refuse: it gives no more than the capabilities here. Nothing is run where an
 * image is only signed.
 */
export function executorSecurity(runsCommands: boolean): V1SecurityContext {
  return {
    ...(!runsCommands && { allowPrivilegeEscalation: false }),
    capabilities: { drop: ['ALL'], add: capabilities },
    seccompProfile: { type: 'RuntimeDefault' },
  }
}

const disk = 'ephemeral-storage'

/** Of the same: `build.resources`, and the limit of what it may write on its node. */
export function executorResources({
  resources = {},
  scratchSizeLimit,
}: Pick<OperatorConfig['build'], 'resources' | 'scratchSizeLimit'>): V1ResourceRequirements {
  const { limits, requests } = resources
  if (scratchSizeLimit === null || limits?.[disk] !== undefined) return resources as V1ResourceRequirements
  return {
    limits: { [disk]: scratchSizeLimit, ...limits },
    // Without a request the limit would be requested, and small nodes would take no build.
    requests: { [disk]: '0', ...requests },
  }
}

/** A volume between containers of a pod that makes an image. */
export function scratchVolume(
  name: string,
  { scratchSizeLimit }: Pick<OperatorConfig['build'], 'scratchSizeLimit'>,
): V1Volume {
  return { name, emptyDir: scratchSizeLimit === null ? {} : { sizeLimit: scratchSizeLimit } }
}

/** As a label of an image: the name of the node on which it is built. */
export const buildNode = `$(${buildNodeVariable.name})`

/** One image that the executor makes. */
export interface ExecutorWork {
  /** What it pushes. */
  readonly image: string
  readonly registryTLS: TLSOptions
  /** How it speaks to the registries that it pulls from. */
  readonly pulls: { readonly tls: TLSOptions | undefined; readonly from: readonly string[] }
  readonly labels: Readonly<Record<string, string>>
  readonly settings: OperatorConfig['build']
}

/**
 * kaniko's arguments (images:BLD-4 to BLD-6): where to push, how to speak to registries, and the image's labels. The
 * digest of the image becomes the container's termination message.
 */
export function executorArguments({ image, registryTLS, pulls, labels, settings }: ExecutorWork): string[] {
  // kaniko's --skip-tls-verify holds for pulls too, and its --skip-tls-verify-pull does nothing: registries are named.
  const unverified = new Set([
    ...(registryTLS.insecureSkipTLSVerify ? [parseImageReference(image).registry] : []),
    ...(pulls.tls?.insecureSkipTLSVerify ? pulls.from : []),
  ])
  return [
    '--destination',
    image,
    ...(registryTLS.insecure ? ['--insecure'] : []),
    ...(pulls.tls?.insecure ? ['--insecure-pull'] : []),
    ...[...unverified].flatMap((registry) => ['--skip-tls-verify-registry', registry]),
    '--digest-file=/dev/termination-log',
    '--log-format=text',
    `--push-retry=${settings.pushRetry}`,
    `--image-download-retry=${settings.downloadRetry}`,
    `--image-fs-extract-retry=${settings.downloadRetry}`,
    ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
  ]
}

/** Kubernetes puts variables in place of `$(NAME)` in arguments and makes one `$` of two: a user's text stays as it is. */
export function literal(text: string): string {
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
