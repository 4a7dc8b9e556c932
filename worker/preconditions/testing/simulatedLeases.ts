import { setImmediate } from 'node:timers/promises'
import type { KubeError } from '../../../activities/kube/errors.ts'
import type { Kube } from '../../../activities/kube/kube.ts'
import { type Lease, leases, type Resource, type StoredObject } from '../../../activities/kube/resources.ts'
import type { KubeRequest, Transport } from '../../../activities/kube/transport.ts'
import { operatorName } from '../../../api/permissions.ts'
import type { Wait } from '../precondition.ts'

/** Leases of operators, whose holders renew them while simulated time passes. */
export interface SimulatedLeases {
  readonly kube: Pick<Kube, 'get' | 'list' | 'transport'>
  readonly now: () => number
  /** Lets the time pass; Leases that are renewed are renewed meanwhile. */
  readonly wait: Wait
  /** Requests so far. */
  readonly lists: () => number
  put(lease: SimulatedLease): void
  remove(namespace: string): void
  /** Takes the rights of an operator from all accounts of a namespace; elsewhere the default one has them. */
  disempower(namespace: string): void
  /** Answers every list with this error; undefined ends it. */
  fail(error: KubeError | undefined): void
}

export interface SimulatedLease {
  readonly namespace: string
  /** Empty: given up. */
  readonly holder: string
  /** Is it being renewed? */
  readonly renewed: boolean
  /** Seconds; the order of creation. */
  readonly created: number
  readonly name?: string
}

/** The clock of the holders is years behind the one of the process that observes them. */
export function createSimulatedLeases(): SimulatedLeases {
  const held = new Map<string, SimulatedLease>()
  const renewedAt = new Map<string, number>()
  const powerless = new Set<string>()
  let at = 0
  let lists = 0
  let failure: KubeError | undefined
  const key = ({ namespace, name }: SimulatedLease) => `${namespace}/${name ?? 'kmm.sigs.x-k8s.io'}`
  const time = (seconds: number) => new Date(Date.UTC(2001, 0) + seconds * 1000).toISOString()
  const objectOf = (lease: SimulatedLease): Lease => ({
    metadata: {
      namespace: lease.namespace,
      name: lease.name ?? 'kmm.sigs.x-k8s.io',
      uid: `${key(lease)} ${lease.created}`,
      resourceVersion: '1',
      creationTimestamp: time(lease.created),
    },
    spec: {
      holderIdentity: lease.holder,
      leaseDurationSeconds: 15,
      renewTime: time((renewedAt.get(key(lease)) ?? 0) / 1000),
    },
  })
  return {
    kube: {
      async list<T extends StoredObject>(
        resource: Resource<T>,
        selection: { readonly fieldSelector?: string } = {},
      ) {
        lists += 1
        if (failure !== undefined) throw failure
        if (resource.plural !== leases.plural) throw new Error(`there are no ${resource.plural}`)
        const items = [...held.values()]
          .map(objectOf)
          .filter(({ metadata }) => selection.fieldSelector === `metadata.name=${metadata.name}`)
        return { items: items as StoredObject[] as T[], resourceVersion: '1' }
      },
      // No pod of a holder is there any more.
      get: async () => undefined,
      transport: {
        async json({ body }: KubeRequest) {
          const { spec } = body as { readonly spec: { readonly user: string } }
          const [, , namespace = '', account] = spec.user.split(':')
          return { status: { allowed: account === operatorName && !powerless.has(namespace) } }
        },
      } as unknown as Transport,
    },
    now: () => at,
    async wait(ms, signal) {
      // A turn of the event loop, so that a test can act meanwhile.
      await setImmediate()
      signal.throwIfAborted()
      at += ms
      for (const lease of held.values()) if (lease.renewed) renewedAt.set(key(lease), at)
    },
    lists: () => lists,
    put: (lease) => void held.set(key(lease), lease),
    disempower: (namespace) => void powerless.add(namespace),
    remove: (namespace) => {
      for (const [name, lease] of held) if (lease.namespace === namespace) held.delete(name)
    },
    fail: (error) => void (failure = error),
  }
}
