import type { Kube } from '../../activities/kube/kube.ts'
import { type Secret, secrets } from '../../activities/kube/resources.ts'
import type { Bundle } from './plan.ts'

/** How often a write that meets another writer's is tried; each loser reads what the winner wrote. */
const attempts = 20

/**
 * Lets `plan` decide what a Secret holds, given what it holds now (undefined: nothing), and writes it when it differs.
 * Decides again after a conflict. Throws when there is no such Secret: the chart makes it, empty.
 */
export async function settleSecret(
  kube: Kube,
  ref: { readonly namespace: string; readonly name: string },
  plan: (current: Bundle | undefined) => Bundle,
): Promise<Bundle> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const found = await kube.get(secrets, ref)
    if (found === undefined) {
      throw new Error(
        `Secret ${ref.namespace}/${ref.name} does not exist: apply the chart (helm upgrade) or deploy/embedded-temporal again`,
      )
    }
    const current = bundleOf(found)
    const planned = plan(current)
    if (current !== undefined && isEqual(current, planned)) return planned
    const written = await kube.replace(secrets, {
      ...found,
      metadata: { ...found.metadata },
      apiVersion: 'v1',
      kind: 'Secret',
      data: { 'tls.crt': encode(planned.cert), 'tls.key': encode(planned.key), 'ca.crt': encode(planned.ca) },
    })
    if (written.kind === 'written') return planned
  }
  throw new Error(
    `Secret ${ref.namespace}/${ref.name} changes at every attempt to write it; look for another writer`,
  )
}

function bundleOf({ data }: Secret): Bundle | undefined {
  const { 'tls.crt': cert, 'tls.key': key, 'ca.crt': ca } = data ?? {}
  if (cert === undefined || key === undefined || ca === undefined) return undefined
  return { cert: decode(cert), key: decode(key), ca: decode(ca) }
}

function isEqual(a: Bundle, b: Bundle): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca
}

const encode = (text: string) => Buffer.from(text).toString('base64')
const decode = (text: string) => Buffer.from(text, 'base64').toString()
