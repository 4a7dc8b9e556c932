import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../ports.ts'
import { httpProbe } from '../probes.ts'
import type { ProgramPaths } from '../programPaths.ts'
import type { ManagedProcess, Supervisor } from '../supervisor.ts'

/** The domain of a cluster's services. */
export const clusterDomain = 'cluster.local'

/**
 * Starts CoreDNS on port 53 of an address that pods reach, for the names of the cluster's services. Other names do not
 * exist there: the lab's pods need none, and a lookup fails at once. Throws a ProgramError.
 */
export async function startDns(options: {
  readonly dir: string
  readonly supervisor: Supervisor
  readonly programs: ProgramPaths
  readonly address: string
  /** Kubeconfig file of an account that may read services, endpoints and namespaces. */
  readonly kubeconfig: string
}): Promise<ManagedProcess> {
  const { dir, supervisor, programs, address, kubeconfig } = options
  mkdirSync(dir, { recursive: true })
  const [readyPort = 0] = await freePorts(1)
  const corefile = join(dir, 'Corefile')
  writeFileSync(
    corefile,
    `${clusterDomain}:53 {
  bind ${address}
  errors
  ready 127.0.0.1:${readyPort}
  kubernetes {
    kubeconfig ${kubeconfig}
    ttl 5
  }
}

.:53 {
  bind ${address}
  errors
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`,
  )
  return await supervisor.start({
    name: 'coredns',
    command: [await programs.path('coredns'), '-conf', corefile],
    ready: { probe: httpProbe(`http://127.0.0.1:${readyPort}/ready`), timeoutMs: 60_000 },
    fix: `see the log; port 53 of ${address} must be free`,
  })
}
