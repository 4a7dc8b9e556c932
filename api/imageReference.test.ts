import { describe, expect, test } from 'vitest'
import {
  formatImageReference,
  ImageReferenceError,
  parseImageReference,
  withDigest,
} from './imageReference.ts'

const digest = `sha256:${'a'.repeat(64)}`

test.each([
  ['busybox', 'docker.io', 'library/busybox', undefined, undefined],
  ['busybox:1.36', 'docker.io', 'library/busybox', '1.36', undefined],
  ['org/app', 'docker.io', 'org/app', undefined, undefined],
  ['index.docker.io/app:1', 'docker.io', 'library/app', '1', undefined],
  ['quay.io/org/app:1', 'quay.io', 'org/app', '1', undefined],
  ['reg:5000/img', 'reg:5000', 'img', undefined, undefined],
  ['reg:5000/img:1', 'reg:5000', 'img', '1', undefined],
  ['localhost/img:1', 'localhost', 'img', '1', undefined],
  ['localhost:5000/a/b/c:1', 'localhost:5000', 'a/b/c', '1', undefined],
  ['10.200.0.1:5000/kmm/a:6.1.0-50-amd64', '10.200.0.1:5000', 'kmm/a', '6.1.0-50-amd64', undefined],
  ['[fd00::1]:5000/img:1', '[fd00::1]:5000', 'img', '1', undefined],
  ['UPPER/img', 'UPPER', 'img', undefined, undefined],
  ['a/b_c/d__e/f--g.h:T_1', 'docker.io', 'a/b_c/d__e/f--g.h', 'T_1', undefined],
  [`reg.example/img@${digest}`, 'reg.example', 'img', undefined, digest],
  [`reg.example/img:1@${digest}`, 'reg.example', 'img', '1', digest],
])('parses %s', (text, registry, repository, tag, parsedDigest) => {
  const reference = parseImageReference(text)
  expect({ ...reference }).toEqual({
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(parsedDigest === undefined ? {} : { digest: parsedDigest }),
  })
  expect(parseImageReference(formatImageReference(reference))).toEqual(reference)
})

test.each([
  ['', 'it is empty'],
  ['img: 1', 'holds a space'],
  ['https://reg.example/img', 'leave "https://" out'],
  ['reg.example/Img:1', 'upper case letters are not allowed'],
  ['reg.example/img:', 'the tag is empty'],
  ['reg.example/img:a+b', '"a+b" is not a tag'],
  [`img:${'t'.repeat(129)}`, 'is not a tag'],
  ['reg.example/', 'names no repository'],
  ['reg.example//img', 'is not a repository'],
  ['img_', 'is not a repository'],
  ['reg_x:5000/img', '"reg_x:5000" is not a registry'],
  ['reg:99999/img', '"reg:99999" is not a registry'],
  ['img@sha256:abc', '"sha256:abc" is not a digest'],
  [`img@sha256:${'a'.repeat(40)}`, 'is not a digest'],
  [`img@sha256:${'g'.repeat(64)}`, 'is not a digest'],
  [`img@${digest}@${digest}`, 'more than one "@"'],
  [`${'a'.repeat(256)}`, 'longer than 255'],
  [`${'a'.repeat(1025)}`, 'longer than 1024'],
])('refuses "%s": %s', (text, why) => {
  expect(() => parseImageReference(text)).toThrow(ImageReferenceError)
  expect(() => parseImageReference(text)).toThrow(why)
})

describe('withDigest', () => {
  test.each([
    ['busybox', `busybox@${digest}`],
    ['reg:5000/img:1', `reg:5000/img:1@${digest}`],
    [`reg:5000/img:1@sha256:${'b'.repeat(64)}`, `reg:5000/img:1@${digest}`],
  ])('%s', (text, pinned) => {
    expect(withDigest(text, digest)).toBe(pinned)
  })

  test('refuses what is no digest', () => {
    expect(() => withDigest('img:1', 'sha256:x')).toThrow(ImageReferenceError)
  })
})
