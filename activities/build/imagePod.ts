import type { V1Container, V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import type { OperatorConfig } from '../../api/config.ts'
import { dnsKernel } from '../../api/kernel.ts'
import type { ResolvedMapping } from '../../api/mapping.ts'
import type { Module } from '../../api/module.ts'
import { annotations, apiVersion, containers, labels } from '../../api/names.ts'
import type { SecretVersions } from '../contract.ts'
import type { PodBody } from '../podBody.ts'
import {
  authoritiesFolder,
  authoritiesVolume,
  executorEnvironment,
  executorResources,
  executorSecurity,
} from './executor.ts'
import { type KernelNode, placement } from './placement.ts'

/** What pods that build and pods that sign are made from. */
export interface ImagePodInput {
  readonly module: Module
  readonly mapping: ResolvedMapping
  /** What the executor pushes: the wanted image, or the unsigned one that comes before it. */
  readonly image: string
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
  /** Of the Secrets that the pod uses. */
  readonly secretVersions: SecretVersions
  /** Name of the Secret whose docker configuration the executor gets. */
  readonly loginSecret: string | undefined
  readonly build: OperatorConfig['build']
}

/** What tells a pod that builds from one that signs. */
export interface ImagePodWork {
  readonly resourceType: 'BuildImage' | 'SignImage'
  readonly name: string
  readonly executor: { readonly image: string; readonly args: readonly string[] }
  /** Of the executor. */
  readonly mounts: readonly Mount[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly initContainers?: readonly V1Container[]
  /** That only init containers mount. */
  readonly volumes?: readonly V1Volume[]
  /** Names of Secrets by which the node pulls. */
  readonly pullSecrets?: readonly string[]
}

/** A volume, and where the executor has it, read-only. */
export interface Mount {
  readonly volume: V1Volume
  readonly path: string
}

/** The container that runs the executor; its log is the build log. */
export const buildContainer = containers.build

/** A Secret whose contents are mounted as files. */
export function secretVolume(
  name: string,
  secretName: string,
  items?: readonly { readonly key: string; readonly path: string }[],
): V1Volume {
  return { name, secret: { secretName, ...(items && { items: [...items] }) } }
}

/**
 * A pod that makes an image with the executor, kaniko (images:4.2 and SGN-1 with the Betters): owned by the Module, no
 * finalizer, no service account token, the digest of the pushed image as termination message.
 */
export function imagePod(input: ImagePodInput, work: ImagePodWork): PodBody {
  const { module, kernel, image, inputHash, attempt, authorities, loginSecret, build } = input
  const { name, namespace, uid } = module.metadata
  const mounts = [...work.mounts]
  if (loginSecret !== undefined) {
    const items = [{ key: '.dockerconfigjson', path: 'config.json' }]
    mounts.push({ volume: secretVolume('registry-auth', loginSecret, items), path: '/kaniko/.docker' })
  }
  if (authorities !== undefined) mounts.push({ volume: authoritiesVolume, path: authoritiesFolder })
  const pullSecrets = new Set([build.pullSecret ?? [], work.pullSecrets ?? []].flat())
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: work.name,
      namespace,
      labels: {
        [labels.appName]: 'kmm',
        [labels.component]: work.resourceType,
        [labels.partOf]: 'kmm',
        [labels.moduleName]: name,
        [labels.resourceType]: work.resourceType,
        [labels.targetKernel]: dnsKernel(kernel),
        [labels.moduleUid]: uid,
        [labels.inputHash]: inputHash,
        [labels.attempt]: String(attempt),
      },
      annotations: {
        [annotations.kernel]: kernel,
        [annotations.image]: image,
        [annotations.secretVersions]: JSON.stringify(input.secretVersions),
        ...(authorities === undefined ? {} : { [annotations.registryAuthorities]: authorities }),
        ...work.annotations,
      },
      ownerReferences: [
        { apiVersion, kind: 'Module', name, uid, controller: true, blockOwnerDeletion: false },
      ],
    },
    spec: {
      restartPolicy: 'Never',
      enableServiceLinks: false,
      automountServiceAccountToken: false,
      ...(build.deadlineSeconds === null ? {} : { activeDeadlineSeconds: build.deadlineSeconds }),
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      ...placement({ ...input, nodeSelector: build.nodeSelector }),
      ...(pullSecrets.size === 0 ? {} : { imagePullSecrets: [...pullSecrets].map((its) => ({ name: its })) }),
      ...(work.initContainers === undefined ? {} : { initContainers: [...work.initContainers] }),
      containers: [
        {
          name: buildContainer,
          image: work.executor.image,
          args: [...work.executor.args],
          env: executorEnvironment(build.env, authorities !== undefined),
          resources: executorResources(build),
          securityContext: executorSecurity(work.resourceType === 'BuildImage'),
          volumeMounts: mounts.map(mountOf),
          terminationMessagePath: '/dev/termination-log',
          // The log may hold secrets: it never becomes part of the pod's status.
          terminationMessagePolicy: 'File',
        },
      ],
      volumes: [...mounts.map(({ volume }) => volume), ...(work.volumes ?? [])],
    },
  }
}

function mountOf({ volume, path }: Mount): V1VolumeMount {
  return { name: volume.name, mountPath: path, readOnly: true }
}
