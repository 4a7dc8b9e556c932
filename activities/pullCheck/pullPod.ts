import type { V1Toleration } from '@kubernetes/client-node'
import type { NodeFacts } from '../../api/facts.ts'
import type { ResolvedMapping } from '../../api/mapping.ts'
import type { Module } from '../../api/module.ts'
import { annotations, apiVersion, labels, pullPodName } from '../../api/names.ts'
import type { PodBody } from '../podBody.ts'

export interface PullPodInput {
  readonly module: Module
  readonly mapping: Pick<ResolvedMapping, 'imageRepoSecret' | 'serviceAccountName' | 'tolerations'>
  readonly kernel: string
  readonly image: string
  readonly node: NodeFacts
}

/** A device is no folder, so nothing can be at this path in any image. */
const noCommand = '/dev/null/kmm-pull-check'

/**
 * The pod that lets a node pull an image and starts nothing of it (images:IMG-3 with the Betters): its command cannot
 * exist, so that a failed start means that the image was pulled. Pull secrets, service account and tolerations are
 * those of a worker pod on the node; rights it has none.
 */
export function pullPod({ module, mapping, kernel, image, node }: PullPodInput): PodBody {
  const { name, namespace, uid } = module.metadata
  const { imageRepoSecret, serviceAccountName, tolerations } = mapping
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: pullPodName(name, kernel),
      namespace,
      labels: {
        [labels.appName]: 'kmm',
        [labels.component]: 'PullImage',
        [labels.partOf]: 'kmm',
        [labels.imageOwner]: name,
      },
      annotations: { [annotations.kernel]: kernel, [annotations.image]: image },
      ownerReferences: [
        { apiVersion, kind: 'Module', name, uid, controller: true, blockOwnerDeletion: false },
      ],
    },
    spec: {
      nodeName: node.name,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      // What nobody asks about any more does not pull for ever.
      activeDeadlineSeconds: 900,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      serviceAccountName,
      ...(imageRepoSecret === undefined ? {} : { imagePullSecrets: [{ name: imageRepoSecret.name }] }),
      tolerations: [...tolerations] as V1Toleration[],
      securityContext: { runAsNonRoot: true, runAsUser: 65_534, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'puller',
          image,
          // A node's own copy says nothing about the registry (images:IMG-11).
          imagePullPolicy: 'Always',
          command: [noCommand],
          resources: { requests: { cpu: '1m', memory: '8Mi' }, limits: { memory: '64Mi' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
            seccompProfile: { type: 'RuntimeDefault' },
          },
        },
      ],
    },
  }
}
