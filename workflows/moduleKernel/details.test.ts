import { describe, expect, test } from 'vitest'
import type { KernelView } from '../../api/kernelView.ts'
import { decideKernel } from './decide.ts'
import { describeEntry } from './describe.ts'
import { describeDetails } from './details.ts'
import type { KernelMemory } from './plan.ts'
import {
  absent,
  fresh,
  testBuildFailure,
  testFailure,
  testHash,
  testImage,
  testNodes,
  testPod,
  testRetry,
  testRun,
  testView,
  testWork,
} from './testView.ts'

const page = (change: Partial<KernelView>, memory: KernelMemory = fresh) => {
  const view = testView(change)
  const plan = decideKernel(view, memory)
  return describeDetails(testRun, view, describeEntry(testRun, view, memory, plan), plan)
}

describe('the page of a run', () => {
  test('a build', () => {
    expect(page({}, absent).split('\n')).toEqual([
      '### Module drivers/fpga, kernel 6.1.0',
      '',
      '- **Phase**: Building',
      `- **Image**: ${testImage}`,
      '- **Build pod**: drivers/fpga-build-aaaaaaaa-1 (attempt 1)',
      '- **Nodes**: 0 of 1 loaded, 0 failed, 0 unreachable',
      '',
      '#### Waits for',
      '- build pod drivers/fpga-build-aaaaaaaa-1, which is to be made',
    ])
    expect(page({ pods: [testPod()] }, { ...absent, making: { inputHash: testHash, attempt: 1 } })).toMatch(
      /#### Waits for\n- the end of build pod drivers\/fpga-build-aaaaaaaa-1: `kubectl -n drivers logs -f fpga-build-aaaaaaaa-1`$/,
    )
  })
  test('a digest that is known', () => {
    expect(page({ digest: 'sha256:1', nodes: testNodes() })).toContain('- **Digest**: sha256:1')
  })
  test('a held build: why, what unblocks it, and the commands', () => {
    const text = page({ pods: [testPod({ state: 'failed' })] }, { ...fresh, failure: testBuildFailure })
    expect(text).toContain(
      '#### Waits: BuildCommandFailed\nA command failed.\n\n**What unblocks it**: Mend the cause',
    )
    expect(text).toContain('kubectl -n drivers logs fpga-build-aaaaaaaa-1')
    expect(text).toContain('kubectl -n drivers delete pod fpga-build-aaaaaaaa-1')
    expect(text).toContain('kubectl -n drivers annotate module fpga kmm.sigs.x-k8s.io/retry-build=6.1.0')
    expect(text).toContain(
      'temporal workflow signal --workflow-id module:c:drivers:fpga:6.1.0 --name retryBuild',
    )
  })
  test('what the build said stays within its fence, whatever it printed', () => {
    const errorLines = 'error: x\n````\n# a heading of the build'
    const failure = { ...testBuildFailure, errorLines }
    const text = page({ pods: [testPod({ state: 'failed' })] }, { ...fresh, failure })
    expect(text).toContain(`#### What the build said\n\`\`\`\`\`\n${errorLines}\n\`\`\`\`\``)
  })
  test('a held node has no pod commands', () => {
    const nodes = testNodes({ failures: [testFailure('KeyRejected')], counts: { failed: 1 } })
    const text = page({ digest: 'd', nodes })
    expect(text).toContain('#### Waits: KeyRejected')
    expect(text).not.toContain(' pod ')
    expect(text).toContain('--name retryBuild')
  })
  test('nodes that are tried again: which, why, and when next', () => {
    const stuck = {
      ...testWork,
      node: 'n2',
      trouble: { reason: 'ImagePullBackOff', message: 'pod p: not found' },
    }
    const nodes = testNodes({
      work: [testRetry, stuck],
      failures: [testRetry],
      counts: { loaded: 0, waiting: 2 },
    })
    const text = page({ digest: 'd', nodes })
    expect(text).toContain(
      '**InUse**: Node n1: modprobe: x (failed once, tried again at 2026-02-02T12:00:00Z) (1 more node waits too)',
    )
    expect(text).toContain(
      [
        '#### Nodes that wait',
        '- **n1**: InUse: modprobe: x (failed once, tried again at 2026-02-02T12:00:00Z)',
        '- **n2**: ImagePullBackOff: pod p: not found',
      ].join('\n'),
    )
  })
  test('a wait that nobody holds says why', () => {
    const stored = {
      kernel: '6.1.0',
      phase: 'CheckingImage',
      reason: 'RegistryUnreachable',
      message: 'no route',
    } as const
    expect(page({ stored })).toContain('**RegistryUnreachable**: no route')
  })
  test('a wait that a person ends says what unblocks it, with the commands', () => {
    const stored = {
      kernel: '6.1.0',
      phase: 'Building',
      buildPod: 'fpga-build-aaaaaaaa-1',
      image: testImage,
      inputHash: testHash,
      attempt: 1,
      reason: 'PodRefusedByQuota',
      message: 'exceeded quota: q',
    } as const
    const text = page({ stored }, { ...absent, making: { inputHash: testHash, attempt: 1 } })
    expect(text).toContain(
      [
        '**PodRefusedByQuota**: exceeded quota: q',
        '',
        '**What unblocks it**: Raise the quota, or free what it counts. It is tried again every 15 seconds.',
        '',
        '```sh',
        'kubectl -n drivers describe resourcequota',
        '```',
      ].join('\n'),
    )
  })
  test('what comes by itself is said too: the end of a pod, the removal of a finished one, nodes', () => {
    const waitsOf = (change: Partial<KernelView>, memory = fresh) =>
      page(change, memory).split('#### Waits for\n')[1]?.split('\n')
    expect(waitsOf({})).toEqual([`- the answer of the registry: is there an image ${testImage}?`])
    const superseded = testPod({ inputHash: 'b'.repeat(40) })
    expect(waitsOf({ pods: [superseded] }, absent)).toEqual([
      '- the end of build pod drivers/fpga-build-aaaaaaaa-1, which is removed',
    ])
    const finished = testPod({ state: 'succeeded', collectAt: '2026-02-02T01:00:00Z' })
    const names = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7']
    const work = names.map((node) => ({ ...testWork, node, uid: node }))
    expect(waitsOf({ digest: 'd', pods: [finished], nodes: testNodes({ work }) })).toEqual([
      '- 2026-02-02T01:00:00Z: build pod drivers/fpga-build-aaaaaaaa-1 is removed then, as job.gcDelay has it',
      '- Load on nodes n1, n2, n3, n4, n5 and 2 more',
    ])
    expect(waitsOf({ digest: 'd', nodes: testNodes({ work: work.slice(0, 1) }) })).toEqual([
      '- Load on node n1',
    ])
  })
  test('in the queue of builds: without the place there, which changes with every build', () => {
    const stored = {
      kernel: '6.1.0',
      phase: 'Building',
      image: testImage,
      inputHash: testHash,
      attempt: 1,
      buildPod: 'fpga-build-aaaaaaaa-1',
      reason: 'BuildQueued',
      message: '7 builds are before it.',
    } as const
    const text = page({ stored }, { ...absent, making: { inputHash: testHash, attempt: 1 } })
    expect(text).toContain(
      "**BuildQueued**: Other builds are before it. How many, and what helps, the Module's status",
    )
    expect(text).not.toContain('7 builds')
  })
  test('nothing left to do', () => {
    expect(
      page({
        wish: { kind: 'none', why: 'NoNodes' },
        nodes: testNodes({ counts: { targets: 0, loaded: 0 } }),
      }),
    ).toContain('- **Phase**: nothing left to do')
  })
})
