import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  formatImageReference,
  ImageReferenceError,
  parseImageReference,
  withDigest,
} from '../../api/imageReference.ts'
import type { Pod } from '../kube/resources.ts'
import { pullVerdict } from '../pullCheck/pullVerdict.ts'
import { parseChallenges } from './authentication.ts'
import { credentialsFor, CredentialsError } from './credentials.ts'

/** Texts from outside: anything, and what nearly is right. */
const noise = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.stringMatching(/^(Bearer|Basic|Negotiate) ([a-z]+=("[^"]*"?|[^",]*),? ?){0,4}$/),
  fc.stringMatching(/^([a-zA-Z0-9.:-]{0,9}\/){0,3}[a-z0-9._-]{0,9}(:[\w.-]{0,9})?(@sha256:[0-9a-f]{0,70})?$/),
)

function parsed(text: string) {
  try {
    return parseImageReference(text)
  } catch (error) {
    // Whatever is wrong is said in words, never by a fault of the parser.
    expect(error).toBeInstanceOf(ImageReferenceError)
    return undefined
  }
}

test('any header is a list of challenges', () => {
  fc.assert(
    fc.property(fc.oneof(noise, fc.array(noise)), (header) => {
      for (const { scheme, parameters } of parseChallenges(header)) {
        expect(scheme).toBe(scheme.toLowerCase())
        for (const value of Object.values(parameters)) expect(typeof value).toBe('string')
      }
    }),
  )
})

test('what a challenge says is read back', () => {
  const name = fc.stringMatching(/^[a-z][a-z_]{0,8}$/)
  const parameters = fc.dictionary(name, fc.string({ unit: 'grapheme-ascii' }), { minKeys: 1 })
  fc.assert(
    fc.property(parameters, (wanted) => {
      const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`
      const header = Object.entries(wanted).map(([key, value]) => `${key}=${quote(value)}`)
      expect(parseChallenges(`Bearer ${header.join(', ')}`)).toEqual([
        { scheme: 'bearer', parameters: wanted },
      ])
    }),
  )
})

test('any text is an image reference or refused in words; what is one stays the same when written and read', () => {
  fc.assert(
    fc.property(noise, (text) => {
      const reference = parsed(text)
      if (reference === undefined) return
      expect(parseImageReference(formatImageReference(reference))).toEqual(reference)
      const digest = `sha256:${'0'.repeat(64)}`
      expect(parseImageReference(withDigest(text, digest))).toMatchObject({ digest })
    }),
    { numRuns: 1_000 },
  )
})

test('any Secret gives credentials or is refused in words', () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const entry = fc.oneof(fc.jsonValue(), fc.record({ auth: noise.map(base64) }))
  const auths = fc.dictionary(noise, entry)
  const key = fc.constantFrom('.dockerconfigjson', '.dockercfg', 'other')
  const content = fc.oneof(
    noise,
    fc.json(),
    auths.map((all) => JSON.stringify({ auths: all })),
    auths.map((all) => JSON.stringify(all)),
  )
  fc.assert(
    fc.property(key, content, (name, text) => {
      try {
        const found = credentialsFor({ [name]: base64(text) }, { registry: 'reg.test', repository: 'a' })
        expect(Array.isArray(found)).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(CredentialsError)
      }
    }),
  )
})

test('whatever a kubelet says of a pull is a verdict, and a digest only one that is well written', () => {
  const state = fc.oneof(
    fc.record({ waiting: fc.record({ reason: noise, message: noise }) }),
    fc.record({
      waiting: fc.record({ reason: fc.constantFrom('ErrImagePull', 'ImagePullBackOff'), message: noise }),
    }),
    fc.record({ terminated: fc.record({ exitCode: fc.integer() }) }),
  )
  fc.assert(
    fc.property(state, noise, (container, imageID) => {
      const status = { containerStatuses: [{ state: container, imageID }] }
      const verdict = pullVerdict({ status } as unknown as Pod, 'reg.test/a:1')
      if (verdict.kind === 'present') expect(verdict.digest).toMatch(/^\w+:[0-9a-f]{32,}$/)
    }),
  )
})
