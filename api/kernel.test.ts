import { describe, expect, test } from 'vitest'
import { dnsKernel, normalizeKernel, trimmedKernel } from './kernel.ts'

test.each([
  ['6.1.0+', '6.1.0'],
  ['6.1.0++', '6.1.0+'],
  ['6.1.0', '6.1.0'],
  ['6.1.0+deb12', '6.1.0+deb12'],
])('images:MAP-1 trimmedKernel(%s) = %s', (raw, trimmed) => {
  expect(trimmedKernel(raw)).toBe(trimmed)
})

test.each([
  ['6.3.5-200.fc38.x86_64', '6.3.5-200.fc38.x86_64'],
  ['6.1.0+deb12~bpo', '6.1.0_deb12_bpo'],
  ['6.1.0+', '6.1.0_'],
  ['6.1.ä/b', '6.1.__b'],
  ['😀', '_'],
])('images:MAP-4 normalizeKernel(%s) = %s', (raw, normalised) => {
  expect(normalizeKernel(raw)).toBe(normalised)
})

describe('images:MAP-5 dnsKernel', () => {
  test.each([
    ['6.3.5-200.fc38.x86_64', /^6-3-5-200-fc38-x86-64-[0-9a-f]{8}$/],
    ['6.1.0-RC1_', /^6-1-0-rc1-[0-9a-f]{8}$/],
    ['+', /^[0-9a-f]{8}$/],
  ])('%s', (raw, expected) => {
    expect(dnsKernel(raw)).toMatch(expected)
  })

  test('kernels that look alike get different names', () => {
    const names = ['6.1.0_1', '6.1.0-1', '6.1.0+1', '6.1.0.1'].map(dnsKernel)
    expect(new Set(names).size).toBe(names.length)
  })

  test('a long release stays a DNS label', () => {
    expect(dnsKernel('6.1.0-'.repeat(30))).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
  })
})
