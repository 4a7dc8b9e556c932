import { describe, expect, test } from 'vitest'
import { buildNodeCondition, buildOrigin, distributionOf } from './buildOrigin.ts'
import type { BuildOrigin, KernelStatus } from './module.ts'
import { testKernel, testNode } from './testCluster.ts'

test.each([
  ['Ubuntu 22.04.4 LTS', 'ubuntu 22.04'],
  ['Ubuntu 24.04 LTS', 'ubuntu 24.04'],
  ['Debian GNU/Linux 12 (bookworm)', 'debian gnu/linux 12'],
  ['Red Hat Enterprise Linux 9.4 (Plow)', 'red hat enterprise linux 9.4'],
  ['Red Hat Enterprise Linux CoreOS 417.94.202410160352-0', 'red hat enterprise linux coreos 417.94'],
  ['Fedora Linux 40.20240416.3.1 (CoreOS)', 'fedora linux 40.20240416'],
  ['SUSE Linux Enterprise Server 15 SP5', 'suse linux enterprise server 15 sp5'],
  ['Amazon Linux 2023.4.20240319', 'amazon linux 2023.4'],
  ['Talos (v1.7.4)', 'talos ( 1.7'],
  ['Container-Optimized OS from Google', 'container-optimized os from google'],
  ['', ''],
])('distribution and release of "%s"', (osImage, expected) => {
  expect(distributionOf(osImage)).toBe(expected)
})

test('the node of a build is written down while it is there', () => {
  const node = testNode({ name: 'builder', osImage: 'Debian GNU/Linux 12 (bookworm)' })
  expect(buildOrigin([node], 'builder')).toEqual({
    node: 'builder',
    kernel: testKernel,
    osImage: 'Debian GNU/Linux 12 (bookworm)',
    architecture: 'amd64',
  })
  expect(buildOrigin([node], 'gone')).toEqual({ node: 'gone' })
})

describe('images:KMI-7 Better: the condition', () => {
  const debian = 'Debian GNU/Linux 12 (bookworm)'
  const entry = (builtOn?: BuildOrigin, kernel = testKernel): KernelStatus => ({
    kernel,
    phase: 'Loaded',
    ...(builtOn === undefined ? {} : { builtOn }),
  })
  const on = (osImage: string, name = 'n1', kernel = testKernel) => testNode({ name, osImage, kernel })
  const built = { node: 'builder', osImage: debian }

  test.each<[string, string, string, KernelStatus[], ReturnType<typeof on>[]]>([
    ['False', 'SameDistribution', 'the same', [entry(built)], [on(debian)]],
    [
      'False',
      'SameDistribution',
      'another patch level',
      [entry({ node: 'b', osImage: 'Ubuntu 22.04.1 LTS' })],
      [on('Ubuntu 22.04.5 LTS')],
    ],
    ['True', 'DistributionDiffers', 'another release', [entry(built)], [on('Debian GNU/Linux 13 (trixie)')]],
    [
      'True',
      'DistributionDiffers',
      'one node of two',
      [entry(built)],
      [on(debian), on('Ubuntu 22.04.5 LTS', 'n2')],
    ],
    [
      'Unknown',
      'BuildNodeGone',
      'nobody knows what the build node had',
      [entry({ node: 'b' })],
      [on(debian)],
    ],
    [
      'True',
      'DistributionDiffers',
      'one kernel of two',
      [entry(built), entry(built, '5.10')],
      [on(debian), on('Arch Linux', 'n2', '5.10')],
    ],
  ])('%s %s: %s', (status, reason, _name, kernels, nodes) => {
    expect(buildNodeCondition(kernels, nodes)).toMatchObject({ type: 'BuildNodeDiffers', status, reason })
  })
  test.each<[string, KernelStatus[], ReturnType<typeof on>[]]>([
    ['nothing was built here', [entry()], [on(debian)]],
    ['no node loads it', [entry(built)], []],
    ['only nodes of another kernel load', [entry(built)], [on('Arch Linux', 'n2', '5.10')]],
  ])('none: %s', (_name, kernels, nodes) => {
    expect(buildNodeCondition(kernels, nodes)).toBeUndefined()
  })
  test('names kernel, nodes and what helps', () => {
    const nodes = [on('Ubuntu 22.04.5 LTS'), on('Arch Linux', 'n2'), on(debian, 'n3')]
    expect(buildNodeCondition([entry(built)], nodes)?.message).toBe(
      `Kernel ${testKernel}: the image was built on node builder with ${debian}; node n1 has Ubuntu 22.04.5 LTS ` +
        '(2 nodes differ). Modules of the distribution that the image depends on may be missing or ' +
        'elsewhere there. Let build.selector choose nodes like those that load it.',
    )
  })
})
