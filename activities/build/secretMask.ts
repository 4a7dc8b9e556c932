import type { Kube } from '../kube/kube.ts'
import { secrets, type Pod } from '../kube/resources.ts'
import type { LogTail } from './logTail.ts'
import { masker, secretValues } from './mask.ts'
import { versionOf } from './secretVersions.ts'

/** The values of the Secrets that are mounted in one pod, as they are and as they have been since it was followed. */
export class SecretMask {
  readonly #kube: Pick<Kube, 'get'>
  readonly #namespace: string
  readonly #names: ReadonlySet<string>
  readonly #values = new Set<string>()
  readonly #versions = new Set<string>()

  constructor(kube: Pick<Kube, 'get'>, pod: Pod | undefined) {
    this.#kube = kube
    this.#namespace = pod?.metadata.namespace ?? ''
    this.#names = new Set((pod?.spec?.volumes ?? []).flatMap((volume) => volume.secret?.secretName ?? []))
  }

  /**
   * Reads the Secrets again and masks a log with what is new. The kubelet mounts them when the pod starts, and puts a
   * changed value into a pod that runs.
   */
  async renew(log: LogTail): Promise<void> {
    const before = this.#versions.size
    for (const name of this.#names) {
      const secret = await this.#kube.get(secrets, { namespace: this.#namespace, name })
      if (secret === undefined || this.#versions.has(versionOf(secret))) continue
      this.#versions.add(versionOf(secret))
      for (const value of secretValues(secret.data ?? {})) this.#values.add(value)
    }
    if (this.#versions.size > before || before === 0) log.maskWith(masker([...this.#values]))
  }
}
