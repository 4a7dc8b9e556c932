import { KubeError } from '../../activities/kube/errors.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import { admissionGroup, guardingPolicies } from '../../api/guardingPolicies.ts'
import type { CheckResult, Precondition } from './precondition.ts'

/** The policies that let only the operator write what it believes, and their bindings. Without them it works all the same. */
export function policiesInForce({ transport }: Pick<Kube, 'transport'>): Precondition {
  async function isThere(resource: string, name: string, signal: AbortSignal): Promise<boolean> {
    try {
      const path = `/apis/${admissionGroup}/v1/${resource}/${name}`
      await transport.json({ verb: 'get', resource, path, signal })
      return true
    } catch (error) {
      if (error instanceof KubeError && error.code === 404) return false
      throw error
    }
  }
  return {
    name: 'ValidatingAdmissionPolicies',
    async check(signal): Promise<CheckResult> {
      const missing: string[] = []
      for (const { resource, kind, name } of guardingPolicies) {
        if (!(await isThere(resource, name, signal))) missing.push(`${kind} ${name}`)
      }
      if (missing.length === 0) return { kind: 'met' }
      return {
        kind: 'met',
        warnings: [
          {
            reason: 'PoliciesMissing',
            message: `${missing.join(', ')} missing: the API server does not keep others from making pods with the operator's labels or writing its records`,
            fix: 'install them with "kubectl apply -k deploy/" or "helm upgrade" of the chart, and restart the operator',
          },
        ],
      }
    },
  }
}
