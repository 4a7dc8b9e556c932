import { expect, test } from 'vitest'
import { group } from './names.ts'

test('the API group is KMM', () => {
  expect(group).toBe('kmm.sigs.x-k8s.io')
})
