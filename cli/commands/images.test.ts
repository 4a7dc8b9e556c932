import { afterAll, beforeAll, expect, test } from 'vitest'
import { exitCodes } from '../exitCodes.ts'
import { runLine } from '../testing/runLine.ts'
import { openSimulatedApi, type ApiObjects, type SimulatedApi } from '../testing/simulatedApi.ts'
import { releaseImages } from './images.ts'

let api: SimulatedApi
beforeAll(async () => void (api = await openSimulatedApi()))
afterAll(() => api.close())

const namespace = 'kmm-operator-system'
const podsOf = (containers: object[]) => ({ spec: { template: { spec: { containers } } } })
const operator = (worker: string) => ({
  metadata: { namespace, name: 'kmm-operator-controller' },
  ...podsOf([
    {
      image: 'reg.example/kmm:1',
      env: [
        { name: 'RELATED_IMAGE_WORKER', value: worker },
        { name: 'RELATED_IMAGE_BUILD', value: 'reg.example/kaniko:1' },
      ],
    },
  ]),
})
const temporal = {
  metadata: { namespace, name: 'kmm-operator-temporal' },
  ...podsOf([{ image: 'reg.example/server:1' }]),
}
const ui = {
  metadata: { namespace, name: 'kmm-operator-temporal-ui' },
  ...podsOf([{ image: 'reg.example/ui:1' }]),
}
const configuration = (text: string) => ({
  metadata: { namespace, name: 'kmm-operator-manager-config' },
  data: { 'controller_config.yaml': text },
})

async function installed(objects: ApiObjects, ...flags: string[]) {
  api.hold(objects)
  const { code, stdout, stderr } = await runLine([
    'images',
    '-o',
    'json',
    '--kubeconfig',
    api.kubeconfig,
    ...flags,
  ])
  const answer = JSON.parse(stdout || 'null') as { readonly images: unknown } | null
  return { code, images: answer?.images, stderr }
}

test('the release: every image but the base, and no cluster is asked', async () => {
  const { code, stdout, stderr } = await runLine(['images', '--release', '--kubeconfig', '/nowhere'])
  expect(code).toBe(exitCodes.ok)
  const names = stdout.split('\n').map((line) => line.split(/[:\s]/u)[0])
  expect(names).toEqual([
    'IMAGE',
    'gcr.io/kaniko-project/executor',
    'docker.io/temporalio/server',
    'docker.io/temporalio/ui',
    '',
  ])
  expect(stderr).toContain('controller.image')
})

test('an installation: what its objects name, each image once', async () => {
  const own = { image: 'reg.example/kmm:1', usedFor: 'the operator, worker pods and sign pods' }
  const builds = { image: 'reg.example/kaniko:1', usedFor: 'build pods' }
  const same = { deployments: [operator('reg.example/kmm:1')] }
  expect(await installed(same)).toEqual({ code: exitCodes.ok, images: [own, builds], stderr: '' })
  const other = { deployments: [operator('reg.example/worker:1'), ui], statefulsets: [temporal] }
  expect((await installed(other)).images).toEqual([
    { image: 'reg.example/kmm:1', usedFor: 'the operator' },
    { image: 'reg.example/worker:1', usedFor: 'worker pods and sign pods' },
    builds,
    { image: 'reg.example/server:1', usedFor: 'the embedded Temporal' },
    { image: 'reg.example/ui:1', usedFor: 'the UI of the embedded Temporal' },
  ])
})

test.each([
  ['build: {image: "reg.example/mine:1"}', 'reg.example/mine:1'],
  ['build: {}', 'reg.example/kaniko:1'],
  ['build: {', 'reg.example/kaniko:1'],
])('the configuration outvotes the environment: %s', async (text, image) => {
  const objects = { deployments: [operator('reg.example/kmm:1')], configmaps: [configuration(text)] }
  expect((await installed(objects)).images).toContainEqual({ image, usedFor: 'build pods' })
})

test('no operator: the images of the release, with a note; forbidden: the right that is missing', async () => {
  const none = await installed({})
  expect(none.images).toEqual(releaseImages())
  expect(none.stderr).toContain('No operator is installed in namespace kmm-operator-system')
  const forbidden = await installed({}, '--as', 'nobody')
  expect(forbidden).toMatchObject({
    code: exitCodes.forbidden,
    stderr: expect.stringContaining('deployments'),
  })
})
