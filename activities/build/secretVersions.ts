import type { PodFacts } from '../../api/facts.ts'
import { annotations } from '../../api/names.ts'
import { secretVersionsSchema } from '../../api/podSchema.ts'
import type { SecretVersions } from '../contract.ts'
import type { Kube } from '../kube/kube.ts'
import { secrets, type Secret } from '../kube/resources.ts'
import { parseJson } from '../parseJson.ts'

/** The version of a Secret. */
export function versionOf({ metadata }: Pick<Secret, 'metadata'>): string {
  return `${metadata.uid}/${metadata.resourceVersion}`
}

/** What a build pod was made with, as its annotation says; undefined when it needs no Secret. */
export function secretVersionsOf({
  annotations: its,
}: Pick<PodFacts, 'annotations'>): SecretVersions | undefined {
  const { data: versions = {} } = secretVersionsSchema.safeParse(
    parseJson(its[annotations.secretVersions] ?? ''),
  )
  return Object.keys(versions).length === 0 ? undefined : versions
}

/** The first Secret that is another one now than the build was made with; one that is missing will be another later. */
export async function changedSecret(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  known: SecretVersions = {},
): Promise<string | undefined> {
  for (const [name, version] of Object.entries(known)) {
    const secret = await kube.get(secrets, { namespace, name })
    if (secret !== undefined && versionOf(secret) !== version) return name
  }
  return undefined
}
