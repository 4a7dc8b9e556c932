import type { SignFailure } from '../api/signCommand.ts'

/** Why files cannot be signed; the message is for the one who wrote the Module. */
export class SignError extends Error {
  override readonly name = 'SignError'
  readonly reason: SignFailure['reason']
  constructor(reason: SignFailure['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}
