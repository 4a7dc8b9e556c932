import { isForbidden } from '../../activities/kube/errors.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import type { CheckResult, Precondition } from './precondition.ts'

/** ValidatingAdmissionPolicy, which guards Modules and pods, is generally available since. */
const oldest = { major: 1, minor: 30 } as const

interface VersionInfo {
  readonly major?: string
  /** Some providers add a `+`. */
  readonly minor?: string
  readonly gitVersion?: string
}

/** The API server is of a supported version. A version that cannot be read is taken for one. */
export function clusterVersion({ transport }: Pick<Kube, 'transport'>): Precondition {
  return {
    name: 'Kubernetes version',
    async check(signal): Promise<CheckResult> {
      try {
        const request = { verb: 'get', resource: 'version', path: '/version', signal } as const
        return judge(await transport.json<VersionInfo>(request))
      } catch (error) {
        // Some clusters hide it.
        if (isForbidden(error)) return { kind: 'met' }
        throw error
      }
    },
  }
}

function judge({ major = '', minor = '', gitVersion }: VersionInfo): CheckResult {
  const [have, part] = [Number.parseInt(major, 10), Number.parseInt(minor, 10)]
  const isOlder = have < oldest.major || (have === oldest.major && part < oldest.minor)
  if (!isOlder) return { kind: 'met' }
  const needed = `${oldest.major}.${oldest.minor}`
  return {
    kind: 'unmet',
    reason: 'ClusterTooOld',
    message: `the cluster runs Kubernetes ${gitVersion ?? `${major}.${minor}`}, kmm-temporal needs ${needed} or newer`,
    fix: `upgrade the cluster to ${needed} or newer; the operator goes on by itself then`,
  }
}
