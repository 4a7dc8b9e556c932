import { expect, test } from 'vitest'
import type { Pod } from '../kube/resources.ts'
import { pullVerdict } from './pullVerdict.ts'

const image = 'reg.test:5000/team/a:1'
const digest = `sha256:${'1'.repeat(64)}`
const imageID = `reg.test:5000/team/a@${digest}`
const present = { kind: 'present', digest }

const verdict = (status: object, reference = image) => pullVerdict({ status } as Pod, reference)
const container = (state: object, more: object = {}) => ({ containerStatuses: [{ state, ...more }] })
const waiting = (reason: string, message: string) => container({ waiting: { reason, message } })
const startError = { terminated: { reason: 'StartError', exitCode: 128 } }

test.each([
  ['a command that cannot start', container(startError, { imageID }), present],
  ['as old kubelets write it', container(startError, { imageID: `docker-pullable://${imageID}` }), present],
  [
    'a container that cannot be run',
    container({ waiting: { reason: 'RunContainerError' } }, { imageID }),
    present,
  ],
  ['a command that runs all the same', container({ running: {} }, { imageID }), present],
  ['the digest of another repository', container(startError, { imageID: `reg.test/b@${digest}` }), 'refused'],
  ['no digest', container(startError, { imageID: digest }), 'refused'],
  ['no image ID', container(startError), 'refused'],
])('pulled: %s', (_, status, expected) => {
  expect(verdict(status)).toMatchObject(typeof expected === 'string' ? { kind: expected } : expected)
})

test('an image that is named by its digest is the one that was pulled', () => {
  expect(verdict(container(startError), `reg.test/a@${digest}`)).toEqual(present)
})

const rpc = (code: string, text: string) =>
  `rpc error: code = ${code} desc = failed to pull and unpack image "${image}": ${text}`

test.each([
  [
    'containerd, no such image',
    rpc('NotFound', `failed to resolve reference "${image}": ${image}: not found`),
    'absent',
  ],
  ['CRI-O, no such tag', 'reading manifest 1 in reg.test:5000/team/a: manifest unknown', 'absent'],
  [
    'CRI-O, no such repository',
    'reading manifest 1 in reg.test/a: name unknown: repository name not known',
    'absent',
  ],
  [
    'back-off with the cause',
    `Back-off pulling image "${image}": ErrImagePull: ${rpc('NotFound', 'failed to resolve reference "x": x: not found')}`,
    'absent',
  ],
  [
    'a layer that is lost',
    rpc('NotFound', 'failed to copy: content at https://reg.test/v2/a/blobs/x: not found'),
    'refused',
  ],
  ['back-off without the cause', `Back-off pulling image "${image}"`, 'pulling'],
  [
    'a repository that is closed, or not there',
    rpc(
      'Unknown',
      'pull access denied, repository does not exist or may require authorization: insufficient_scope',
    ),
    'refused',
  ],
  ['a login that is refused', rpc('Unknown', 'unexpected status code 401 Unauthorized'), 'refused'],
  [
    'a registry that is down',
    rpc('Unknown', 'dial tcp 10.0.0.1:5000: connect: connection refused'),
    'refused',
  ],
  ['a host without a name', rpc('Unknown', 'dial tcp: lookup reg.test: no such host'), 'refused'],
  ['too many requests', rpc('Unknown', '429 Too Many Requests - toomanyrequests'), 'refused'],
  [
    'containerd, another architecture',
    rpc('NotFound', `no match for platform in manifest ${digest}: not found`),
    'unfit',
  ],
  [
    'CRI-O, another architecture',
    'no image found in image index for architecture arm64, variant "v8", OS linux',
    'unfit',
  ],
])('not pulled: %s', (_, message, kind) => {
  for (const reason of ['ErrImagePull', 'ImagePullBackOff'])
    expect(verdict(waiting(reason, message))).toMatchObject({ kind })
})

test.each([
  ['nothing yet', {}, 'pulling'],
  ['being made', waiting('ContainerCreating', ''), 'pulling'],
  ['a pod the node refuses', { phase: 'Failed', reason: 'OutOfcpu', message: 'too little' }, 'refused'],
  ['a name the runtime refuses', waiting('InvalidImageName', 'couldn’t parse'), 'refused'],
])('%s', (_, status, kind) => {
  expect(verdict(status)).toMatchObject({ kind })
})
