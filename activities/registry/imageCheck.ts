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
      /** As Kubernetes names them (`amd64`), when they were asked for. */
      readonly architectures?: readonly string[]
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
