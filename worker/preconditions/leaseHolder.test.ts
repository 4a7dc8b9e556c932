import { expect, test } from 'vitest'
import { KubeError } from '../../activities/kube/errors.ts'
import type { Kube } from '../../activities/kube/kube.ts'
import type { Lease, Pod } from '../../activities/kube/resources.ts'
import type { KubeRequest } from '../../activities/kube/transport.ts'
import { createMayBeOperator } from './leaseHolder.ts'

const { signal } = new AbortController()

/** A cluster with a pod in namespace `vendor`, and with what it says about an account. */
function cluster(review: (user: string) => boolean | Error, pod?: { name: string; account: string }) {
  const asked: string[] = []
  const kube = {
    async get(_kind: unknown, { name }: { readonly name: string }) {
      return name === pod?.name
        ? ({ spec: { serviceAccountName: pod.account } } as unknown as Pod)
        : undefined
    },
    transport: {
      async json({ body }: KubeRequest) {
        const { user } = (body as { readonly spec: { readonly user: string } }).spec
        asked.push(user)
        const answer = review(user)
        if (answer instanceof Error) throw answer
        return { status: { allowed: answer } }
      },
    },
  } as unknown as Pick<Kube, 'get' | 'transport'>
  const ask = async (holderIdentity: string) =>
    await createMayBeOperator(kube)(
      {
        metadata: { namespace: 'vendor', name: 'kmm.sigs.x-k8s.io', uid: 'u', resourceVersion: '1' },
        spec: { holderIdentity },
      } as Lease,
      signal,
    )
  return { ask, asked }
}

test('the account that operators have by default', async () => {
  const { ask } = cluster((user) => user === 'system:serviceaccount:vendor:kmm-operator-controller')
  expect(await ask('anything')).toBe(true)
})

test.each(['vendor-kmm-7d9f-abcde_5f1c9d3e-8f7b-4a51-9f2c-6a8f6f0d2b11', 'vendor-kmm-7d9f-abcde-17'])(
  'the account of the pod of the holder %s',
  async (holder) => {
    const pod = { name: 'vendor-kmm-7d9f-abcde', account: 'vendor-kmm' }
    const allowed = 'system:serviceaccount:vendor:vendor-kmm'
    expect(await cluster((user) => user === allowed, pod).ask(holder)).toBe(true)
    expect(await cluster((user) => user === allowed).ask(holder)).toBe(false)
  },
)

test.each(['', '../../secrets/x-1', `${'a'.repeat(1_000_000)}-1`, 'a\nb-1'])(
  'a holder that names no pod is no operator without an account',
  async (holder) => {
    const { ask, asked } = cluster(() => false)
    expect(await ask(holder)).toBe(false)
    expect(asked).toEqual(['system:serviceaccount:vendor:kmm-operator-controller'])
  },
)

test('without the right to ask, every Lease counts; no answer is an error', async () => {
  const forbidden = new KubeError({ code: 403, reason: 'Forbidden', message: 'no' })
  expect(await cluster(() => forbidden).ask('x')).toBe(true)
  const away = new KubeError({ reason: 'Unreachable', message: 'away' })
  await expect(cluster(() => away).ask('x')).rejects.toThrow('away')
})
