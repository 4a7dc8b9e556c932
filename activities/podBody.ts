import type { V1Pod } from '@kubernetes/client-node'

/** A pod as we create it: named, with its spec. */
export interface PodBody {
  readonly apiVersion: 'v1'
  readonly kind: 'Pod'
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
    readonly ownerReferences: readonly object[]
  }
  readonly spec: NonNullable<V1Pod['spec']>
  readonly [field: string]: unknown
}
