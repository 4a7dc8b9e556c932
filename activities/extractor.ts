import type { V1Container, V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import { extractCommand } from '../api/workerCommand.ts'

/**
 * An init container that copies one folder of an image into a volume by `cp` alone: argv, no shell (nodes:IMG Better).
 * Its name ends in `-extractor`, by which its failures are told from others.
 *
 * The `cp` is the image's, so it may be any program. It is root because files of an image may be readable by their owner
 * only, with DAC_OVERRIDE because that owner may be anybody; DAC_READ_SEARCH, which sounds like less, opens files of the
 * node by their inode numbers.
 */
export function extractor({
  name,
  image,
  imagePullPolicy,
  from,
  mount,
}: {
  readonly name: `${string}-extractor`
  readonly image: string
  readonly imagePullPolicy?: string | undefined
  /** In the image. */
  readonly from: string
  /** Its path is where the copy goes. */
  readonly mount: V1VolumeMount
}): V1Container {
  return {
    name,
    image,
    ...(imagePullPolicy === undefined || imagePullPolicy === '' ? {} : { imagePullPolicy }),
    command: extractCommand(from, mount.mountPath),
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '128Mi' } },
    securityContext: {
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumeMounts: [mount],
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }
}

/** A file whose text is an annotation of the pod itself. */
export function downwardFile(name: string, annotation: string, path: string): V1Volume {
  return {
    name,
    downwardAPI: { items: [{ path, fieldRef: { fieldPath: `metadata.annotations['${annotation}']` } }] },
  }
}
