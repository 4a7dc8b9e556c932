import type { Kube } from '../kube/kube.ts'
import { secrets, type Pod } from '../kube/resources.ts'
import type { LogTail } from './logTail.ts'
import { type Mask, masker } from './masking/masker.ts'
import { mostSecretBytes, SecretIndex } from './masking/secretIndex.ts'
import { versionOf } from './secretVersions.ts'

/** What people read in place of a log whose secrets cannot be masked. */
export const withheld =
  `(this log is not shown: the Secrets of the pod hold more than can be masked, ` +
  `${mostSecretBytes / 1024 / 1024} MiB in all their versions; read it with kubectl logs)`

/** The values of the Secrets that are mounted in one pod, as they are and as they have been since it was followed. */
export class SecretMask {
  readonly #kube: Pick<Kube, 'get'>
  readonly #namespace: string
  readonly #names: ReadonlySet<string>
  readonly #index = new SecretIndex()
  readonly #versions = new Set<string>()
  #renewed: Promise<void> = Promise.resolve()
  /** Masks the log as it comes, with all that is known by then. */
  readonly mask: Mask = masker(this.#index)

  constructor(kube: Pick<Kube, 'get'>, pod: Pod | undefined) {
    this.#kube = kube
    this.#namespace = pod?.metadata.namespace ?? ''
    this.#names = new Set((pod?.spec?.volumes ?? []).flatMap((volume) => volume.secret?.secretName ?? []))
  }

  /**
   * Reads the Secrets again and masks what is kept of a log with what is new. The kubelet mounts them when the pod
   * starts, and puts a changed value into a pod that runs. A log whose secrets are too large to be masked is withheld.
   */
  async renew(log: LogTail): Promise<void> {
    const renewed = this.#renewed.then(() => this.#renew(log))
    this.#renewed = renewed.catch(() => undefined)
    await renewed
  }

  async #renew(log: LogTail): Promise<void> {
    const before = this.#versions.size
    for (const name of this.#names) {
      if (this.#index.isExceeded) break
      const secret = await this.#kube.get(secrets, { namespace: this.#namespace, name })
      if (secret === undefined || this.#versions.has(versionOf(secret))) continue
      await this.#index.add(secret.data ?? {})
      this.#versions.add(versionOf(secret))
    }
    if (this.#index.isExceeded) log.withhold(withheld)
    else if (this.#versions.size > before) log.maskAnew(masker(this.#index))
  }
}
