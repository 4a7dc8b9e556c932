import type { Kube } from '../kube/kube.ts'
import { secrets, type Secret } from '../kube/resources.ts'

/**
 * Which Secrets a build pod was made with, by name: uid and resourceVersion, never contents or a hash of them. It
 * stands in an annotation of the pod (design: "Inputs have a hash").
 */
export type SecretVersions = Readonly<Record<string, string>>

/** The version of a Secret. */
export function versionOf({ metadata }: Pick<Secret, 'metadata'>): string {
  return `${metadata.uid}/${metadata.resourceVersion}`
}

/** The first Secret that is another one now than the pod was made with; one that is missing will be another later. */
export async function changedSecret(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  annotation: string | undefined,
): Promise<string | undefined> {
  if (annotation === undefined) return undefined
  const known = JSON.parse(annotation) as SecretVersions
  for (const [name, version] of Object.entries(known)) {
    const secret = await kube.get(secrets, { namespace, name })
    if (secret !== undefined && versionOf(secret) !== version) return name
  }
  return undefined
}
