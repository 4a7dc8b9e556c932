import { ApplicationFailure } from '@temporalio/common'
import { describe, expect, test } from 'vitest'
import { doorbell } from '../messages.ts'
import {
  architectures,
  digest,
  hash,
  image,
  kernelStatus,
  news,
  SimulatedCluster,
  useKernelRuns,
} from './testing/simulatedCluster.ts'

const withRun = useKernelRuns()

describe('another run that wants the same image', () => {
  test('takes an image that another run has built between question and claim', async () => {
    const cluster = new SimulatedCluster()
    cluster.nodeWork = 'load'
    cluster.createBuildPod = async () => ({ kind: 'present', digest, architectures })
    await withRun(cluster, async (run) => {
      await run.result()
      expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest })
      expect(cluster.calls.filter((call) => call.startsWith('follow'))).toEqual([])
    })
  })

  test('waits for another run that builds its image, says so, and asks the registry afterwards', async () => {
    const cluster = new SimulatedCluster()
    cluster.nodeWork = 'load'
    const ref = { namespace: 'others', name: 'twin' }
    cluster.rival = { ref, kernel: '6.1.0', pod: 'twin-build-1', inputs: 'same' }
    await withRun(cluster, async (run) => {
      await expect.poll(() => cluster.stored?.reason, { timeout: 60_000 }).toBe('ImageClaimed')
      expect(cluster.calls).not.toContain('check')
      expect(await run.query('state')).toMatchObject({ held: [] })
      cluster.rival = undefined
      cluster.image = { kind: 'present', digest, architectures }
      await run.signal(doorbell, news)
      await run.result()
      expect(cluster.calls.filter((call) => call.startsWith('create'))).toEqual([])
      expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest })
      expect(cluster.stored?.reason).toBeUndefined()
    })
  })
})

test('a retry that starts the run releases what it finds held', async () => {
  const cluster = new SimulatedCluster()
  cluster.nodeWork = 'loaded'
  const failed = { name: 'p-1', uid: 'pod-1', image, inputHash: hash, attempt: 1, state: 'failed' } as const
  cluster.pods = [failed]
  cluster.stored = { ...kernelStatus, phase: 'BuildFailed', buildPod: 'p-1', attempt: 1, inputHash: hash }
  await withRun(
    cluster,
    async (run) => {
      await run.result()
      const order = cluster.calls.filter((c) => c.startsWith('remove') || c.startsWith('create'))
      expect(order.slice(0, 2)).toEqual(['remove p-1', 'create 2'])
    },
    { first: 'retryBuild' },
  )
})

describe('a cancelled build', () => {
  const cancelled = () => {
    const cluster = new SimulatedCluster()
    cluster.nodeWork = 'loaded'
    cluster.stored = {
      ...kernelStatus,
      phase: 'Cancelled',
      attempt: 1,
      inputHash: hash,
      reason: 'Cancelled',
    }
    return cluster
  }
  const made = ({ calls }: SimulatedCluster) => calls.filter((call) => call.startsWith('create'))

  test('is not started again by a bell', async () => {
    const cluster = cancelled()
    await withRun(cluster, async (run) => {
      await run.signal(doorbell, news)
      await run.result()
      expect(cluster.stored?.phase).toBe('Cancelled')
      expect(cluster.calls).not.toContain('check')
    })
  })

  test('is started again by a retry', async () => {
    const cluster = cancelled()
    await withRun(
      cluster,
      async (run) => {
        await run.result()
        expect(made(cluster)).toEqual(['create 2'])
        expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest })
      },
      { first: 'retryBuild' },
    )
  })

  test('is started again by changed inputs', async () => {
    const cluster = cancelled()
    cluster.inputHash = 'b'.repeat(40)
    await withRun(cluster, async (run) => {
      await run.result()
      expect(made(cluster)).toEqual(['create 1'])
    })
  })
})

test('a digest that is not confirmed when it is written is asked for again', async () => {
  const cluster = new SimulatedCluster()
  cluster.nodeWork = 'load'
  const moved = `sha256:${'2'.repeat(64)}`
  cluster.image = { kind: 'present', digest: moved, architectures }
  const report = cluster.reportKernel.bind(cluster)
  cluster.reportKernel = async (request) => {
    if (request.entry?.digest !== moved) return await report(request)
    cluster.image = { kind: 'present', digest, architectures }
    throw ApplicationFailure.nonRetryable('the tag has moved', 'DigestNotVerified')
  }
  await withRun(cluster, async (run) => {
    await run.result()
    expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest })
    expect(cluster.calls.filter((call) => call === 'check')).toHaveLength(2)
  })
})

test('what a build showed of its right to push stands in status as long as the image is the same', async () => {
  const cluster = new SimulatedCluster()
  cluster.nodeWork = 'load'
  const create = cluster.createBuildPod.bind(cluster)
  cluster.createBuildPod = async (request) => {
    const start = await create(request)
    return start.kind === 'created' ? { ...start, mayPush: true } : start
  }
  await withRun(cluster, async (run) => {
    await run.result()
    expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest, mayPush: true })
  })
})
