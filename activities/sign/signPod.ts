import type { V1Container, V1ResourceRequirements } from '@kubernetes/client-node'
import { signHash } from '../../api/buildInputs.ts'
import { parseImageReference } from '../../api/imageReference.ts'
import { annotations, containers, imageLabels, signPodName } from '../../api/names.ts'
import { signedFolder, signPaths, type SignCommand } from '../../api/signCommand.ts'
import { executorArguments, scratchVolume } from '../build/executor.ts'
import { imagePod, secretVolume, type ImagePodInput } from '../build/imagePod.ts'
import { downwardFile, extractor } from '../extractor.ts'
import type { PodBody } from '../podBody.ts'

export interface SignPodInput extends ImagePodInput {
  /** The image, by digest, whose modules are signed. */
  readonly source: string
  /** With the command `signer`: the operator's own image. */
  readonly signerImage: string
  /** Names of Secrets by which a node pulls images of the Module. */
  readonly pullSecrets: readonly string[]
}

/** The init container that signs; its termination message says why it could not. */
export const signContainer = containers.sign

/** Names of volumes: what the executor adds to the image, and what the extractor has copied out of it. */
const volumes = { context: 'context', tree: 'image' } as const
const command = downwardFile('command', annotations.signCommand, 'command.json')

/**
 * The pod of one attempt to sign an image (images:SGN-1 to SGN-6 with the Betters). It runs where builds of the Module
 * may, also by their selector: what has to reach the registry is the same. The image's own `cp` copies the
 * files out, the signer signs them, and the executor adds them to the image as one layer. Only the signer has the key,
 * and nothing of the image runs beside it. Throws when the mapping has no `sign` section.
 */
export function signPod(input: SignPodInput): PodBody {
  const { module, mapping, image, inputHash, attempt, source, build: settings } = input
  const { sign, build } = mapping
  const folder = signedFolder(sign?.filesToSign ?? [])
  if (sign === undefined || folder === undefined) throw new Error('a sign pod needs files to sign')
  const order: SignCommand = { source, folder, files: sign.filesToSign }
  const key = secretVolume('sign-key', sign.keySecret.name, [{ key: 'key', path: 'key.pem' }])
  const certificate = secretVolume('sign-cert', sign.certSecret.name, [{ key: 'cert', path: 'cert.pem' }])
  // What is built here lies in the repository of the signed image, whatever is said of other images.
  const tls = build === undefined ? sign.unsignedImageRegistryTLS : mapping.registryTLS
  const args = executorArguments({
    image,
    registryTLS: mapping.registryTLS,
    pulls: { tls, from: [parseImageReference(source).registry] },
    labels: { [imageLabels.signHash]: signHash(mapping) },
    settings,
  })
  const name = signPodName(module.metadata.name, inputHash, attempt)
  return imagePod(
    // It needs nothing of the nodes that have the kernel.
    { ...input, nodes: [] },
    {
      resourceType: 'SignImage',
      name,
      executor: { image: settings.image, args },
      mounts: [{ volume: scratchVolume(volumes.context, settings), path: signPaths.context }],
      annotations: { [annotations.unsignedImage]: source, [annotations.signCommand]: JSON.stringify(order) },
      initContainers: [
        extractor({
          name: 'image-extractor',
          image: source,
          from: folder,
          mount: { name: volumes.tree, mountPath: signPaths.tree },
        }),
        signer(input),
      ],
      volumes: [scratchVolume(volumes.tree, settings), command, key, certificate],
      pullSecrets: input.pullSecrets,
    },
  )
}

/** It reads what the extractor copied as root, and writes into a fresh volume: no capability is needed for that. */
function signer({ signerImage, build }: SignPodInput): V1Container {
  const mount = (name: string, mountPath: string) => ({ name, mountPath, readOnly: true })
  return {
    name: signContainer,
    image: signerImage,
    args: ['signer'],
    // It holds a file twice; who builds large modules has given builds the memory for it.
    resources: (build.resources ?? { requests: { cpu: '50m', memory: '64Mi' } }) as V1ResourceRequirements,
    securityContext: {
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumeMounts: [
      mount(volumes.tree, signPaths.tree),
      mount(command.name, '/etc/kmm-signer'),
      mount('sign-key', '/run/secrets/key'),
      mount('sign-cert', '/run/secrets/cert'),
      { name: volumes.context, mountPath: signPaths.context },
    ],
    terminationMessagePolicy: 'File',
  }
}
