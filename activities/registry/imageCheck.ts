/** What an image says of itself. */
export interface ImageTraits {
  /** As Kubernetes names them (`amd64`); several for an index, none when it does not say. */
  readonly architectures: readonly string[]
  /** Of one image; an index has none. */
  readonly labels: Readonly<Record<string, string>>
}

/**
 * What a registry says of an image (images:IMG-6 Better). Only `absent` may start a build: everything else that is
 * not `present` is waited out, because building on a doubt overwrites an existing tag. No message holds a
 * credential.
 */
export type ImageCheck =
  | {
      readonly kind: 'present'
      /** Of the manifest or index the reference stands for; `algorithm:hex`. */
      readonly digest: string
      /** When they were asked for. */
      readonly traits?: ImageTraits
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unauthorised'; readonly message: string }
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'rateLimited'; readonly message: string; readonly retryAfterMs?: number }
  | { readonly kind: 'invalid'; readonly message: string }

/** Ends a check from wherever its answer became clear. */
export class CheckEnd extends Error {
  override readonly name = 'CheckEnd'
  readonly result: ImageCheck

  constructor(result: ImageCheck) {
    super('message' in result ? result.message : result.kind)
    this.result = result
  }
}
