import type { V1Toleration, V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import type { OperatorConfig } from '../../api/config.ts'
import type { NodeFacts } from '../../api/facts.ts'
import { defaultDirName, softdep } from '../../api/loadCommand.ts'
import {
  annotations,
  apiVersion,
  containers,
  labels,
  workerPodName,
  type ModuleRef,
} from '../../api/names.ts'
import { downwardFile, extractor } from '../extractor.ts'
import type { PodBody } from '../podBody.ts'
import type { ModuleEntry } from '../../api/nodeModulesConfig.ts'
import { firmwareFolders, firmwareOrder } from './workerFirmware.ts'
import { moduleTree, workerPaths } from '../../api/workerCommand.ts'

export interface WorkerPodInput {
  readonly ref: ModuleRef
  readonly node: NodeFacts
  readonly action: 'Load' | 'Unload'
  /** What to load, or what was loaded: config, Secret, ServiceAccount and tolerations of that time. */
  readonly entry: Pick<ModuleEntry, 'config' | 'imageRepoSecret' | 'serviceAccountName' | 'tolerations'>
  /** Where an earlier load put firmware of this Module on the node. */
  readonly firmwareHostPath?: string | undefined
  readonly configHash: string
  /** The node's NodeModulesConfig. */
  readonly owner: { readonly name: string; readonly uid: string }
  readonly worker: OperatorConfig['worker']
  /** Secrets by which the node pulls; none: those of the service account. */
  readonly pullSecrets: readonly string[]
  readonly workerImage: string
}

/** Ends a modprobe that hangs in the kernel, and a pod whose image cannot be had: the next one is made anew. */
const deadlineSeconds = 30 * 60

/**
 * The kubelet evicts a pod whose copy of the image takes more of the node's disk: several times what all modules of a
 * distribution take with their debug information, and no more than a node can spare.
 */
const imageSizeLimit = '8Gi'

/** The container that runs the loader; its termination message is the result. */
export const workerContainer = containers.worker

/**
 * The pod that loads or unloads a module on one node (nodes:WPD with the Betters): no shell, no service account
 * token, `restartPolicy: Never`, a name that depends on node and Module only. Init containers of the kmod image copy
 * its tree by `cp` alone into an emptyDir whose directories the kubelet makes (`subPath`), so the loader finds it
 * under its own path; boot id and kernel in the command make a late pod obsolete.
 */
export function workerPod(input: WorkerPodInput): PodBody {
  const { ref, node, action, entry, configHash, owner, worker } = input
  const { config } = entry
  const { modprobe } = config
  const dirName = modprobe.dirName ?? defaultDirName
  const firmware = firmwareOrder(input)
  const order = action === 'Load' ? softdep(modprobe.modulesLoadingOrder ?? []) : ''
  const command = {
    action,
    bootId: node.bootId,
    kernel: node.kernel,
    config,
    ...(firmware === undefined ? {} : { firmware }),
  }
  const volumes: V1Volume[] = [
    downwardFile('config', annotations.workerConfig, 'config.json'),
    { name: 'image', emptyDir: { sizeLimit: imageSizeLimit } },
    { name: 'lib-modules', hostPath: { path: '/lib/modules', type: 'Directory' } },
  ]
  const tree = moduleTree(dirName, node.kernel)
  const mounts: V1VolumeMount[] = [
    { name: 'config', mountPath: '/etc/kmm-worker', readOnly: true },
    { name: 'lib-modules', mountPath: '/lib/modules', readOnly: true },
    { name: 'lib-modules', mountPath: '/host/lib/modules', readOnly: true },
    { name: 'image', mountPath: tree, subPath: 'modules', readOnly: true },
    // Where KMM puts it: raw arguments of existing Modules say `-d /tmp/opt` (nodes:WRK Better).
    { name: 'image', mountPath: `/tmp${tree}`, subPath: 'modules', readOnly: true },
  ]
  // What was loaded in another kernel went with it: the image, which has no modules for this one, is not needed.
  const isGone = action === 'Unload' && config.kernelVersion !== node.kernel
  const extract = (name: `${string}-extractor`, from: string, subPath: string) => {
    const { containerImage, imagePullPolicy } = config
    const mount = { name: 'image', mountPath: `/kmm/${subPath}`, subPath }
    return extractor({ name, image: containerImage, imagePullPolicy, from, mount })
  }
  const extractors = isGone ? [] : [extract('image-extractor', tree, 'modules')]
  if (firmware?.install !== undefined) {
    extractors.push(extract('firmware-extractor', modprobe.firmwarePath ?? '', 'firmware'))
    mounts.push({ name: 'image', mountPath: workerPaths.firmware, subPath: 'firmware', readOnly: true })
  }
  if (firmware !== undefined) {
    const folders = firmwareFolders(firmware)
    volumes.push(...folders.volumes)
    mounts.push(...folders.mounts)
  }
  if (order !== '') {
    volumes.push(downwardFile('modules-order', annotations.modulesOrder, 'softdep.conf'))
    mounts.push({ name: 'modules-order', mountPath: '/etc/modprobe.d', readOnly: true })
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: workerPodName(node.uid, ref),
      namespace: ref.namespace,
      labels: {
        [labels.appName]: 'kmm',
        [labels.component]: 'worker',
        [labels.partOf]: 'kmm',
        [labels.moduleName]: ref.name,
        [labels.workerAction]: action,
        [labels.configHash]: configHash,
      },
      annotations: {
        [annotations.workerConfig]: JSON.stringify(command),
        ...(order === '' ? {} : { [annotations.modulesOrder]: order }),
      },
      ownerReferences: [
        { apiVersion, kind: 'NodeModulesConfig', ...owner, controller: true, blockOwnerDeletion: false },
      ],
    },
    spec: {
      nodeName: node.name,
      restartPolicy: 'Never',
      activeDeadlineSeconds: deadlineSeconds,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      serviceAccountName: entry.serviceAccountName,
      priorityClassName: 'system-node-critical',
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      ...(input.pullSecrets.length === 0
        ? {}
        : { imagePullSecrets: input.pullSecrets.map((name) => ({ name })) }),
      tolerations: (entry.tolerations ?? []) as V1Toleration[],
      initContainers: extractors,
      containers: [
        {
          name: workerContainer,
          image: input.workerImage,
          args: ['loader'],
          resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } },
          securityContext: {
            runAsUser: worker.runAsUser ?? 0,
            seLinuxOptions: { type: worker.seLinuxType },
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'], add: ['SYS_MODULE'] },
          },
          volumeMounts: mounts,
          terminationMessagePolicy: 'FallbackToLogsOnError',
        },
      ],
      volumes,
    },
  }
}
