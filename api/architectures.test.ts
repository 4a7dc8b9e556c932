import { expect, test } from 'vitest'
import { uncoveredBy } from './architectures.ts'

test.each([
  [['amd64'], ['amd64'], undefined],
  [['amd64', 'arm64'], ['arm64'], undefined],
  [['amd64', 'arm64', 's390x'], ['amd64', 'arm64'], undefined],
  [['amd64'], [], undefined],
  [[], ['amd64'], undefined],
  [['amd64'], ['arm64'], 'ArchitectureMissing'],
  [['amd64'], ['amd64', 'arm64'], 'MixedArchitectures'],
  [[], ['amd64', 'arm64'], 'MixedArchitectures'],
])('made for %j, nodes of %j: %s', (made, wanted, reason) => {
  expect(uncoveredBy('reg.example/a:1', made, wanted)?.reason).toBe(reason)
})

test('what is told names the image, both sides and the fix', () => {
  const { message, unblock } = uncoveredBy('reg.example/a:1', ['amd64'], ['arm64']) ?? {}
  expect(message).toBe('Image reg.example/a:1 is made for amd64, and the target nodes are arm64.')
  expect(unblock).toMatch(/Push an image for arm64.*spec\.selector/)
})
