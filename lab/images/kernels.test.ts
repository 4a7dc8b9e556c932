import { describe, expect, test } from 'vitest'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { scratchFolder } from '../programs/testing/fixtures.ts'
import { findMirror } from './debianSources.ts'
import { chooseKernels, newestFirst, parseMadison, targetKernels } from './kernels.ts'

const line = (name: string, version: string): string =>
  `${name} | ${version} | http://archive.test/debian bookworm/main amd64 Packages`

/** What apt says of a kernel with image, headers and common headers in the given versions. */
const kernel = (abi: string, image: string, headers = image, common = headers): string[] => [
  line(`linux-image-6.1.0-${abi}-amd64`, image),
  line(`linux-headers-6.1.0-${abi}-amd64`, headers),
  line(`linux-headers-6.1.0-${abi}-common`, common),
]

const choose = (...lines: string[]) => chooseKernels(parseMadison(lines.join('\n')), '6.1.', 'amd64')

describe('chooseKernels', () => {
  test('takes the two newest, by number and not by letter, with all their packages', () => {
    expect(
      choose(...kernel('9', '6.1.27-1'), ...kernel('56', '6.1.192-2'), ...kernel('55', '6.1.192-1')),
    ).toEqual([
      {
        release: '6.1.0-56-amd64',
        image: 'linux-image-6.1.0-56-amd64=6.1.192-2',
        headers: ['linux-headers-6.1.0-56-amd64=6.1.192-2', 'linux-headers-6.1.0-56-common=6.1.192-2'],
      },
      {
        release: '6.1.0-55-amd64',
        image: 'linux-image-6.1.0-55-amd64=6.1.192-1',
        headers: ['linux-headers-6.1.0-55-amd64=6.1.192-1', 'linux-headers-6.1.0-55-common=6.1.192-1'],
      },
    ])
  })

  test.each([
    ['without headers', [line('linux-image-6.1.0-57-amd64', '6.1.200-1')]],
    ['with headers of another version', kernel('57', '6.1.200-1', '6.1.200-2')],
    ['with common headers of another version', kernel('57', '6.1.200-1', '6.1.200-1', '6.1.200-2')],
    ['of another flavour', kernel('57', '6.1.200-1').map((text) => text.replace('57-amd64', '57-rt-amd64'))],
    ['of another series', kernel('57', '6.1.200-1').map((text) => text.replaceAll('6.1.0', '6.12.9'))],
  ])('passes over a newer kernel %s', (_, newer) => {
    const [newest, previous] = choose(...newer, ...kernel('56', '6.1.192-2'), ...kernel('55', '6.1.192-1'))
    expect([newest.release, previous.release]).toEqual(['6.1.0-56-amd64', '6.1.0-55-amd64'])
  })

  test('takes a version that all packages have when image or headers exist in several', () => {
    const [newest] = choose(
      line('linux-image-6.1.0-56-amd64', '6.1.192-3'),
      ...kernel('56', '6.1.192-2'),
      ...kernel('55', '6.1.192-1'),
    )
    expect(newest.image).toBe('linux-image-6.1.0-56-amd64=6.1.192-2')
  })

  test('one kernel is too few: the error says what to add', () => {
    expect(() => choose(...kernel('56', '6.1.192-2'))).toThrow(
      'apt offers 1 kernel(s) 6.1.* for amd64 with image and headers, the lab needs two: add the release',
    )
  })
})

test('releases are ordered by number', () => {
  expect(['6.1.0-9-amd64', '6.1.0-56-amd64', '6.1.0-10-amd64'].toSorted(newestFirst)).toEqual([
    '6.1.0-56-amd64',
    '6.1.0-10-amd64',
    '6.1.0-9-amd64',
  ])
})

test('recorded kernels stay', async () => {
  const cacheDir = await scratchFolder()
  const [newest, previous] = choose(...kernel('50', '6.1.176-1'), ...kernel('49', '6.1.170-1'))
  await mkdir(join(cacheDir, 'images'))
  await writeFile(join(cacheDir, 'images/kernels.json'), JSON.stringify([newest, previous]))
  expect(await targetKernels({ cacheDir })).toEqual(['6.1.0-50-amd64', '6.1.0-49-amd64'])
})

test('the mirror is the archive of the release itself', () => {
  const targets = [
    'http://mirror.test/debian-security/ bookworm-security main',
    'http://mirror.test/debian/ bookworm-updates main',
    'http://mirror.test/debian/ bookworm contrib',
    'http://mirror.test/debian/ bookworm main',
  ].join('\n')
  expect(findMirror(targets, 'bookworm')).toBe('http://mirror.test/debian/')
  expect(findMirror(targets, 'trixie')).toBeUndefined()
})
