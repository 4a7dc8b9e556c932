import type { Kube } from '../../activities/kube/kube.ts'
import { readBundle, writeBundle } from './files.ts'
import { planAuthority, planClient, planServer } from './plan.ts'
import { settleSecret } from './secrets.ts'

/** Secrets in the operator's namespace. */
export const secretNames = {
  authority: 'kmm-operator-temporal-ca',
  client: 'kmm-operator-temporal-client-tls',
} as const

/** Service of the embedded Temporal. */
const service = 'kmm-operator-temporal'

/**
 * Makes what is missing of the embedded Temporal's certificates and renews what has lived two thirds of its life: the
 * authority and the client's certificate in Secrets, the server's in `dir`. Idempotent, and safe to run concurrently. Throws a KubeError or what the file system reports.
 */
export async function renewCertificates(
  kube: Kube,
  { namespace, dir, now }: { readonly namespace: string; readonly dir: string; readonly now: Date },
): Promise<void> {
  const authority = await settleSecret(kube, { namespace, name: secretNames.authority }, (current) =>
    planAuthority(current, now),
  )
  await settleSecret(kube, { namespace, name: secretNames.client }, (current) =>
    planClient(authority, current, now),
  )
  const hosts = [service, `${service}.${namespace}`, `${service}.${namespace}.svc`, 'localhost']
  const current = await readBundle(dir)
  const server = planServer(authority, current, hosts, now)
  if (current?.cert !== server.cert || current.ca !== server.ca) await writeBundle(dir, server)
}
