import { expect, test } from 'vitest'
import type { KernelStatus } from '../../../api/module.ts'
import { moduleConfigHash } from '../../../api/nodeModulesConfig.ts'
import {
  guardedModule,
  testCluster,
  testConfig,
  testKernel,
  testRecord,
  testRef,
  type TestCluster,
} from '../../../api/testCluster.ts'
import { explain, type WhyReport } from '../checklist.ts'
import { moduleFacts, type WhyFacts } from '../facts.ts'

const now = Date.parse('2026-01-01T01:00:00Z')
export const image = `reg.example/fpga:${testKernel}`
export const digest = `sha256:${'1'.repeat(64)}`
export const build = { dockerfileConfigMap: { name: 'dockerfile' } }
export const dockerfile = { namespace: 'drivers', name: 'dockerfile', dockerfile: 'FROM scratch' }
export const operator = {
  namespace: 'kmm-operator-system',
  lease: { holder: 'operator-1', renewedAt: '2026-01-01T00:59:55Z', seconds: 15 },
}

const about = (change: Partial<WhyFacts> = {}): Omit<WhyFacts, 'cluster'> => ({
  ref: testRef,
  now,
  gaps: new Map(),
  namespace: { podSecurity: 'privileged', ending: false },
  operator,
  secrets: new Map(),
  serviceAccounts: new Map(),
  ...change,
})

export function ask(things: TestCluster, change: Partial<WhyFacts> = {}, node?: string): WhyReport {
  const facts = moduleFacts({ ...about(change), cluster: testCluster(things) }, node)
  if (facts === undefined) throw new Error('the Module is gone')
  return explain(facts)
}

/** A Module whose kernel stands like this in status, with one node and no record. */
export const at = (entry: Partial<KernelStatus>, mapping: object = { build }): TestCluster => ({
  modules: [
    guardedModule(
      { mapping: mapping as Record<string, unknown> },
      { status: { kernels: [{ kernel: testKernel, phase: 'Building', image, ...entry }] } },
    ),
  ],
  configMaps: [dockerfile],
})
export const verified = { phase: 'Loading', digest } as const
/** The same with a verified image, and this as the record of the node. */
export const onNode = (change: TestCluster): TestCluster => ({ ...at(verified, {}), ...change })
export const failure = (change: object) =>
  testRecord(testConfig(), {
    failure: {
      action: 'Load',
      configHash: moduleConfigHash(testConfig()),
      bootId: 'b1',
      reason: 'KeyRejected',
      message: 'modprobe: key was rejected',
      at: '2026-01-01T00:50:00Z',
      attempts: 1,
      ...change,
    },
  })
export const building = (reason: string, message = 'said so') =>
  ({ phase: 'Building', reason, message, buildPod: 'fpga-build-1' }) as const
export const held = (reason: string) =>
  ({
    phase: 'BuildFailed',
    reason,
    message: 'it failed',
    buildPod: 'fpga-build-1',
    errorLines: 'a.c:1: error',
  }) as const

interface Expected {
  readonly check: string
  readonly reason: string
  readonly says?: RegExp
  readonly helps?: RegExp
  readonly verdict?: WhyReport['verdict']
}

export type Cause = readonly [string, TestCluster, Expected, Partial<WhyFacts>?]
export const module = guardedModule()
export const { finalizers: _finalizers, ...unguarded } = module.metadata
export const selecting = { spec: { selector: { accelerator: 'fpga', zone: 'a' } } }
export const taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' }

/** One test for each cause: what fails first, in words, with the command that helps. */
export function testCauses(causes: readonly Cause[]): void {
  for (const [name, things, expected, change] of causes) {
    test(name, () => {
      const report = ask(things, change)
      expect({ check: report.first?.check, reason: report.first?.reason }).toEqual({
        check: expected.check,
        reason: expected.reason,
      })
      expect(report.verdict).toBe(expected.verdict ?? 'fails')
      expect(report.first?.says).toMatch(expected.says ?? /./)
      if (expected.helps !== undefined) {
        expect(report.first?.commands).toContainEqual(expect.stringMatching(expected.helps))
      }
    })
  }
}
