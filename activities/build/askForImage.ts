import { parseImageReference } from '../../api/imageReference.ts'
import type { ResolvedMapping } from '../../api/mapping.ts'
import { viewKernel } from '../../api/viewKernel.ts'
import type { KernelSubject } from '../contract.ts'
import { viewSettings, type Dependencies } from '../dependencies.ts'
import { tell } from '../events/tell.ts'
import { pullOnNode } from '../pullCheck/pullOnNode.ts'
import { AuthoritiesError } from '../registry/authorities.ts'
import { checkImage as askRegistry, type CheckOptions, type ImageCheck } from '../registry/checkImage.ts'
import { readLogins } from '../registry/logins.ts'
import { moduleOf } from '../status.ts'
import { rememberDigest } from '../verifiedDigests.ts'
import { registryAccess } from './registryAccess.ts'

/** What a registry, or a node in its place, says of an image. */
export type Answer =
  | ImageCheck
  /** A node cannot use the image that is there. */
  | { readonly kind: 'unfit'; readonly message: string }
  /** A node has not ended its pull. */
  | { readonly kind: 'pulling'; readonly message: string }

/** An answer, who gave it, and the field of the Module that names the image. */
export interface Asked {
  readonly answer: Answer
  readonly by: 'registry' | 'node'
  readonly field: string
}

/**
 * Asks the registry of an image for it, as one who has the Module's logins; with `registry.nodePullCheck` a target
 * node where the registry refuses the operator or cannot be reached.
 */
export async function askForImage(deps: Dependencies, subject: KernelSubject, image: string): Promise<Asked> {
  const begun = performance.now()
  const asked = await ask(deps, subject, image)
  const { answer, by } = asked
  const seconds = (performance.now() - begun) / 1000
  if (answer.kind === 'present') rememberDigest({ image, digest: answer.digest })
  await tell(deps, subject, { kind: 'ImageAsked', image, by, result: answer.kind, seconds })
  return asked
}

async function ask(deps: Dependencies, subject: KernelSubject, image: string): Promise<Asked> {
  moduleOf(deps, subject)
  const { facts } = viewKernel(deps.cache, subject.ref, subject.kernel, viewSettings(deps))
  const { mapping } = facts
  if (mapping === undefined) {
    const answer = { kind: 'invalid', message: 'no node needs the image any more' } as const
    return { answer, by: 'registry', field: 'spec.moduleLoader.container.kernelMappings' }
  }
  const { field, tls, isPushed } = askedAs(mapping, image)
  const { registry } = deps.config
  const logins = await readLogins(deps.kube, subject.ref.namespace, mapping, parseImageReference(image))
  const answer = await askWithAuthorities(image, () => ({
    ...registryAccess(registry, tls),
    credentials: logins.credentials,
    // A build pushes with the same login.
    mayPush: isPushed && (mapping.imageRepoSecret !== undefined || logins.credentials.length > 0),
    traits: true,
  }))
  if (answer.kind !== 'unauthorised' && answer.kind !== 'unreachable')
    return { answer, by: 'registry', field }
  const fix = answer.kind === 'unauthorised' ? `; ${logins.fix}. ${hiddenRepository}` : ''
  const refusal = { ...answer, message: `${answer.message}${fix}` }
  if (!registry.nodePullCheck) return { answer: refusal, by: 'registry', field }
  const { verdict, node } = await pullOnNode(deps, subject.kernel, image, facts)
  switch (verdict.kind) {
    case 'present':
    case 'absent':
      return { answer: verdict, by: 'node', field }
    case 'unfit':
      return { answer: { kind: 'unfit', message: `node ${node}: ${verdict.message}` }, by: 'node', field }
    case 'pulling': {
      const message = `${refusal.message}; node ${node} tries to pull the image`
      return { answer: { kind: 'pulling', message }, by: 'node', field }
    }
    case 'refused': {
      const message = `${refusal.message}; node ${node} cannot pull it either: ${verdict.message}`
      return { answer: { ...refusal, message }, by: 'node', field }
    }
  }
}

/**
 * Which field names an image, how its registry is spoken to, and whether it is pushed there. The image that `sign`
 * names has settings of its own; a reference may have a digest more than the Module's.
 */
function askedAs(mapping: ResolvedMapping, image: string) {
  const { build, sign } = mapping
  const [unsigned] = sign?.unsignedImage?.split('@') ?? []
  if (build === undefined && sign !== undefined && image.split('@')[0] === unsigned) {
    return { field: 'sign.unsignedImage', tls: sign.unsignedImageRegistryTLS ?? {}, isPushed: false }
  }
  const isPushed = build !== undefined || sign !== undefined
  return { field: mapping.fields.image, tls: mapping.registryTLS, isPushed }
}

/** Docker Hub, GHCR and others do not tell a stranger whether a repository is closed or not there. */
const hiddenRepository =
  'If the repository does not exist yet, create it: some registries say no more than this'

async function askWithAuthorities(image: string, options: () => CheckOptions): Promise<ImageCheck> {
  try {
    return await askRegistry(image, options())
  } catch (error) {
    if (!(error instanceof AuthoritiesError)) throw error
    return { kind: 'unreachable', message: error.message }
  }
}
