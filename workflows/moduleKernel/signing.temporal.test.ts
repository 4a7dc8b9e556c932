import { expect, test } from 'vitest'
import type {
  BuildRequest,
  BuildStart,
  CheckRequest,
  FollowRequest,
  ImageAnswer,
} from '../../activities/contract.ts'
import { retryBuild } from '../messages.ts'
import { summaryOf } from '../testing/readableHistory.ts'
import {
  architectures,
  digest,
  failure,
  image,
  SimulatedCluster,
  useKernelRuns,
} from './testing/simulatedCluster.ts'

const withRun = useKernelRuns()
const unsigned = 'reg.example/fpga:kmm-unsigned-b'

/** A cluster whose Module is built and signed, with a registry that keeps images apart. */
class SigningCluster extends SimulatedCluster {
  readonly there = new Set<string>()
  /** What stands under the name of the unsigned image. */
  named = digest

  constructor() {
    super()
    this.unsigned = { image: unsigned, build: { kind: 'ready', inputHash: 'b'.repeat(40) } }
  }
  override async checkImage(request?: CheckRequest): Promise<ImageAnswer> {
    const of = request?.image ?? ''
    this.calls.push(`check ${of}`)
    const found = of === unsigned ? this.named : digest
    return this.there.has(of) ? { kind: 'present', digest: found, architectures } : { kind: 'absent' }
  }
  override async createBuildPod(request: BuildRequest): Promise<BuildStart> {
    const { image: target, inputHash, attempt, source } = request
    if (source !== undefined && !this.there.has(unsigned)) {
      this.calls.push('source is gone')
      return { kind: 'sourceGone' }
    }
    const does = source === undefined ? 'build' : `sign ${source} as`
    this.calls.push(`${does} ${target} ${attempt}`)
    const name = `${source === undefined ? 'build' : 'sign'}-${attempt}`
    const signs = source === undefined ? {} : { source }
    this.pods = [
      ...this.pods,
      { name, uid: name, image: target, inputHash, attempt, state: 'active', ...signs },
    ]
    return { kind: 'created', pod: { namespace: 'ns', name, uid: name }, seen: {} }
  }
  override async followBuildPod(request: FollowRequest) {
    const outcome = await super.followBuildPod(request)
    if (outcome.kind === 'succeeded') this.there.add(request.image)
    return outcome
  }
  /** What was made, and removed. */
  get made() {
    return this.calls.filter((call) => /^(build|sign|remove)/.test(call))
  }
}

const source = `${unsigned}@${digest}`
/** It is built. */
const kept = { kernel: '6.1.0', image, phase: 'Signing', unsigned: { image: unsigned, digest } } as const

test('images:SGN-7 Better: it is built, whatever stands under its tag, then signed, and its pods go', async () => {
  const cluster = new SigningCluster()
  cluster.there.add(unsigned)
  await withRun(cluster, async (run) => {
    await run.result()
    expect(cluster.made.filter((call) => !call.startsWith('remove'))).toEqual([
      `build ${unsigned} 1`,
      `sign ${source} as ${image} 1`,
    ])
    expect(cluster.made.filter((call) => call.startsWith('remove')).toSorted()).toEqual([
      'remove build-1',
      'remove sign-1',
    ])
    expect(cluster.calls.filter((call) => call === 'report Signing').length).toBeGreaterThan(0)
    expect(cluster.stored).toMatchObject({ digest, unsigned: { image: unsigned, digest } })
  })
})

test('images:MIC-8 Better: a failed signing is held, and a retry signs only', async () => {
  const cluster = new SigningCluster()
  cluster.stored = kept
  cluster.there.add(unsigned)
  cluster.outcomes = [{ ...failure, reason: 'SignKeyMismatch' }]
  await withRun(cluster, async (run) => {
    await expect.poll(() => cluster.stored?.phase, { timeout: 60_000 }).toBe('SignFailed')
    expect(cluster.stored).toMatchObject({ reason: 'SignKeyMismatch', buildPod: 'sign-1' })
    await run.signal(retryBuild, {})
    await run.result()
    expect(cluster.made.slice(0, 3)).toEqual([
      `sign ${source} as ${image} 1`,
      'remove sign-1',
      `sign ${source} as ${image} 2`,
    ])
  })
})

test('a build that does not say what it has pushed is not signed, whatever stands under its tag', async () => {
  const cluster = new SigningCluster()
  cluster.there.add(unsigned)
  cluster.outcomes = [{ kind: 'succeeded', digest: undefined, log: '' }]
  await withRun(cluster, async (run) => {
    await expect.poll(() => cluster.stored?.reason, { timeout: 60_000 }).toBe('BuiltButMissing')
    expect(cluster.made).toEqual([`build ${unsigned} 1`])
    await run.terminate()
  })
})

test('what the Module names is signed as it is when its pod is made', async () => {
  const cluster = new SigningCluster()
  cluster.unsigned = { image: unsigned, build: { kind: 'none' } }
  cluster.there.add(unsigned)
  cluster.outcomes = [failure]
  await withRun(cluster, async (run) => {
    await expect.poll(() => cluster.stored?.phase, { timeout: 60_000 }).toBe('SignFailed')
    cluster.named = `sha256:${'2'.repeat(64)}`
    await run.signal(retryBuild, {})
    await run.result()
    const signed = cluster.made.filter((call) => call.startsWith('sign'))
    expect(signed).toEqual([
      `sign ${source} as ${image} 1`,
      `sign ${unsigned}@${cluster.named} as ${image} 2`,
    ])
  })
})

test('what is to be signed and was lost by the registry is built again', async () => {
  const cluster = new SigningCluster()
  cluster.stored = kept
  await withRun(cluster, async (run) => {
    await run.result()
    const made = cluster.calls.filter((call) => /^(build|sign|source)/.test(call))
    expect(made).toEqual(['source is gone', `build ${unsigned} 1`, `sign ${source} as ${image} 1`])
  })
})

test('a run that begins anew follows the pod that signs, and builds nothing', async () => {
  const cluster = new SigningCluster()
  const pod = { name: 'sign-1', uid: 'sign-1', image, inputHash: cluster.inputHash, attempt: 1 } as const
  cluster.pods = [{ ...pod, state: 'active', source }]
  cluster.stored = kept
  await withRun(cluster, async (run) => {
    await run.result()
    expect(cluster.made).toEqual(['remove sign-1'])
    const { events } = await run.fetchHistory()
    expect(events?.map(summaryOf)).toContain(`sign ${image} in pod sign-1`)
    expect(cluster.stored).toMatchObject({ digest })
  })
})

test('cancelled while it is signed, it stays so until a retry, which signs', async () => {
  const cluster = new SigningCluster()
  cluster.stored = kept
  cluster.there.add(unsigned)
  cluster.outcomes = [failure]
  await withRun(cluster, async (run) => {
    await expect.poll(() => cluster.stored?.phase, { timeout: 60_000 }).toBe('SignFailed')
    await run.cancel()
    await expect(run.result()).rejects.toThrow()
    expect(cluster.stored).toMatchObject({ phase: 'Cancelled', unsigned: { digest } })
  })
  cluster.pods = []
  await withRun(
    cluster,
    async (run) => {
      await run.result()
      expect(cluster.made).toContain(`sign ${source} as ${image} 2`)
      expect(cluster.made.some((call) => call.startsWith('build'))).toBe(false)
    },
    { first: 'retryBuild' },
  )
})
