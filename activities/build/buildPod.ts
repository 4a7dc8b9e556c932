import type { V1ResourceRequirements, V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import type { OperatorConfig } from '../../api/config.ts'
import { dnsKernel } from '../../api/kernel.ts'
import type { ResolvedMapping } from '../../api/mapping.ts'
import type { Module } from '../../api/module.ts'
import { annotations, apiVersion, buildPodName, labels } from '../../api/names.ts'
import type { SecretVersions } from '../contract.ts'
import type { PodBody } from '../podBody.ts'
import {
  authoritiesFolder,
  authoritiesVolume,
  executorArguments,
  executorEnvironment,
  executorImage,
} from './executor.ts'
import { type KernelNode, placement } from './placement.ts'

export interface BuildPodInput {
  readonly module: Module
  readonly mapping: ResolvedMapping
  /** The text of the Dockerfile. */
  readonly dockerfile: string
  readonly kernel: string
  readonly architecture: string
  readonly inputHash: string
  readonly attempt: number
  /** All nodes that run the kernel. */
  readonly nodes: readonly KernelNode[]
  /** Name of this cluster, for the image's labels. */
  readonly cluster: string
  /** PEM of authorities that registries' certificates are checked against beside the usual ones. */
  readonly authorities?: string | undefined
  /** Of the Secrets that the build uses. */
  readonly secretVersions: SecretVersions
  /** Name of the Secret whose docker configuration the executor gets. */
  readonly loginSecret: string | undefined
  readonly build: OperatorConfig['build']
}

/** The container that runs the executor; its log is the build log. */
export const buildContainer = 'kaniko'

/**
 * The kaniko pod of one build attempt (images:4.2 with the Betters): owned by the Module, no finalizer, volumes
 * named by index so that any Secret name fits (BLD-8), no service account token, the digest of the pushed image as
 * termination message. Throws when the mapping has no `build` section.
 */
export function buildPod(input: BuildPodInput): PodBody {
  const { module, mapping, kernel, inputHash, attempt, build: settings } = input
  const build = mapping.build
  if (build === undefined) throw new Error('a build pod needs a mapping with a build section')
  const { name, namespace, uid } = module.metadata
  const mounts: V1VolumeMount[] = []
  const volumes: V1Volume[] = []
  const mount = (volume: V1Volume, mountPath: string) => {
    volumes.push(volume)
    mounts.push({ name: volume.name, mountPath, readOnly: true })
  }
  const dockerfile = {
    name: build.dockerfileConfigMap.name,
    items: [{ key: 'dockerfile', path: 'Dockerfile' }],
  }
  mount({ name: 'dockerfile', configMap: dockerfile }, '/workspace')
  mount({ name: 'lib-modules', hostPath: { path: '/lib/modules', type: 'Directory' } }, '/host/lib/modules')
  for (const [index, secret] of (build.secrets ?? []).entries()) {
    mount({ name: `secret-${index}`, secret: { secretName: secret.name } }, `/run/secrets/${secret.name}`)
  }
  if (input.loginSecret !== undefined) {
    const items = [{ key: '.dockerconfigjson', path: 'config.json' }]
    mount({ name: 'registry-auth', secret: { secretName: input.loginSecret, items } }, '/kaniko/.docker')
  }
  const { authorities } = input
  if (authorities !== undefined) mount(authoritiesVolume, authoritiesFolder)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: buildPodName(name, inputHash, attempt),
      namespace,
      labels: {
        [labels.appName]: 'kmm',
        [labels.component]: 'BuildImage',
        [labels.partOf]: 'kmm',
        [labels.moduleName]: name,
        [labels.resourceType]: 'BuildImage',
        [labels.targetKernel]: dnsKernel(kernel),
        [labels.moduleUid]: uid,
        [labels.inputHash]: inputHash,
        [labels.attempt]: String(attempt),
      },
      annotations: {
        [annotations.kernel]: kernel,
        [annotations.image]: mapping.image,
        [annotations.secretVersions]: JSON.stringify(input.secretVersions),
        ...(authorities === undefined ? {} : { [annotations.registryAuthorities]: authorities }),
      },
      ownerReferences: [
        { apiVersion, kind: 'Module', name, uid, controller: true, blockOwnerDeletion: false },
      ],
    },
    spec: {
      restartPolicy: 'Never',
      enableServiceLinks: false,
      automountServiceAccountToken: false,
      ...(settings.deadlineSeconds === undefined ? {} : { activeDeadlineSeconds: settings.deadlineSeconds }),
      ...placement({ ...input, nodeSelector: settings.nodeSelector }),
      ...(settings.pullSecret === undefined ? {} : { imagePullSecrets: [{ name: settings.pullSecret }] }),
      containers: [
        {
          name: buildContainer,
          image: executorImage(settings.image, build.kanikoParams?.tag),
          args: executorArguments(input),
          env: executorEnvironment(settings.env, authorities !== undefined),
          ...(settings.resources === undefined
            ? {}
            : { resources: settings.resources as V1ResourceRequirements }),
          volumeMounts: mounts,
          terminationMessagePath: '/dev/termination-log',
          // The log may hold secrets: it never becomes part of the pod's status.
          terminationMessagePolicy: 'File',
        },
      ],
      volumes,
    },
  }
}
