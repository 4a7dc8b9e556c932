import { leases } from '../../activities/kube/resources.ts'
import { annotations, labels } from '../../api/names.ts'
import { operatorNamespace } from '../../lab/operatorAccount.ts'
import type { TestLab } from './testLab.ts'

/** Holders (workflow ids) of the claims on images below a prefix such as `HOST:PORT/NAMESPACE/`. */
export async function claimsOn(lab: TestLab, prefix: string): Promise<string[]> {
  const labelSelector = `${labels.component}=ImageClaim`
  const { items } = await lab.kube.list(leases, { namespace: operatorNamespace, labelSelector })
  const ours = items.filter(({ metadata }) => metadata.annotations?.[annotations.image]?.startsWith(prefix))
  return ours.map(({ spec }) => spec?.holderIdentity ?? '')
}
