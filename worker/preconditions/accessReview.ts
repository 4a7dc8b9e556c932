import type { Kube } from '../../activities/kube/kube.ts'

export type ReviewKind = 'SelfSubjectAccessReview' | 'SelfSubjectRulesReview' | 'SubjectAccessReview'

/** Has the API server review access; `Status` is what the kind answers. Throws KubeError. */
export async function reviewAccess<Status>(
  { transport }: Pick<Kube, 'transport'>,
  kind: ReviewKind,
  spec: object,
  signal: AbortSignal,
): Promise<Status | undefined> {
  const resource = `${kind.toLowerCase()}s`
  const apiVersion = 'authorization.k8s.io/v1'
  const { status } = await transport.json<{ readonly status?: Status }>({
    verb: 'create',
    resource,
    path: `/apis/${apiVersion}/${resource}`,
    body: { apiVersion, kind, spec },
    signal,
  })
  return status
}
