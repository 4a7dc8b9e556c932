import { expect, test } from 'vitest'
import { withDigests } from './chart.ts'

const digest = `sha256:${'a'.repeat(64)}`
const reference = 'gcr.io/kaniko-project/executor:v1.24.0'

test('default images get the digests of the lock; other tags and pinned ones stay', () => {
  const lock = { images: [{ reference, digest, use: 'builds' } as const] }
  const text = (image: string) =>
    `buildImage: ${image}\nother: ${reference}-debug\nmirror: m.example/${reference}\npinned: "${reference}@sha256:1"\n`
  expect(withDigests(text(reference), lock)).toBe(text(`${reference}@${digest}`))
  const unlocked = { images: [{ reference, digest: null, use: 'builds' } as const] }
  expect(withDigests(text(reference), unlocked)).toBe(text(reference))
})
