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
    ])
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
    expect(text).toContain("kubectl -n drivers annotate module fpga kmm.sigs.x-k8s.io/retry-build='6.1.0'")
    expect(text).toContain(
      "temporal workflow signal --workflow-id 'module:c:drivers:fpga:6.1.0' --name retryBuild",
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
  test('nothing left to do', () => {
    expect(
      page({
        wish: { kind: 'none', why: 'NoNodes' },
        nodes: testNodes({ counts: { targets: 0, loaded: 0 } }),
      }),
    ).toContain('- **Phase**: nothing left to do')
  })
})
