import { beforeEach, expect, test, vi } from 'vitest'
import { createAccess } from './access.ts'

/** The API server: knows one token, and who may read. */
const asked: { kind: string; spec: object }[] = []
let reader = { authenticated: true, allowed: true }
const json = vi.fn(async ({ body }: { body: { kind: string; spec: object } }) => {
  asked.push(body)
  return body.kind === 'TokenReview'
    ? { status: { authenticated: reader.authenticated, user: { username: 'prom', groups: ['g'] } } }
    : { status: { allowed: reader.allowed } }
})
let now = 0
let access: ReturnType<typeof createAccess>
beforeEach(() => {
  asked.length = 0
  now = 0
  reader = { authenticated: true, allowed: true }
  access = createAccess({ json: json as never }, '/metrics', () => now)
})

test.each([undefined, '', 'Basic abc', 'Bearer', 'Bearer a b'])(
  'without a bearer token (%s) nobody is asked',
  async (header) => {
    expect(await access(header)).toBe(401)
    expect(asked).toEqual([])
  },
)

test('a token that is nobody’s', async () => {
  reader = { authenticated: false, allowed: true }
  expect(await access('Bearer t')).toBe(401)
})

test('somebody who may not', async () => {
  reader = { authenticated: true, allowed: false }
  expect(await access('Bearer t')).toBe(403)
})

test('somebody who may: asked as whom the token says, and remembered for a minute', async () => {
  expect(await access('Bearer t')).toBe(200)
  expect(asked.map(({ spec }) => spec)).toEqual([
    { token: 't' },
    { user: 'prom', groups: ['g'], nonResourceAttributes: { path: '/metrics', verb: 'get' } },
  ])
  expect(await access('Bearer t')).toBe(200)
  expect(asked).toHaveLength(2)
  now = 60_000
  reader = { authenticated: true, allowed: false }
  expect(await access('Bearer t')).toBe(403)
})

test('another token is asked about', async () => {
  await access('Bearer t')
  reader = { authenticated: false, allowed: true }
  expect(await access('Bearer u')).toBe(401)
})
