import { expect } from 'vitest'
import { events, pods, secrets } from '../../activities/kube/resources.ts'
import { annotations, labels } from '../../api/names.ts'
import { eventually } from '../support/eventually.ts'
import { plugin } from '../support/plugin.ts'
import { tagsOf } from '../support/registry.ts'
import { runsOf } from '../support/runs.ts'
import { kernel, type Scenario } from '../support/scenario.ts'
import { expectSignatures, makeSigningKey, signingSecret } from '../support/signedModules.ts'
import { stories } from '../support/stories.ts'
import { useLab } from '../support/testLab.ts'
import { tinyBuild } from '../support/tinyModule.ts'
import { expectWhy } from '../support/why.ts'

const lab = useLab()
const test = stories(lab)
const name = 'tiny'
const folder = `/opt/lib/modules/${kernel}`
/** Makes an image with cp and two files, of which one is to be signed. */
const commands = [
  ['cp', '/bin/busybox', '/bin/cp'],
  ['mkdir', '-p', folder],
  ['cp', '/bin/busybox', `${folder}/tiny_1.ko`],
  ['cp', '/bin/busybox', `${folder}/other.ko`],
]
const filesToSign = ['/opt/lib/modules/${KERNEL_FULL_VERSION}/tiny_?.ko']

/** Applies a Module whose image is built and signed with these Secrets. */
async function applySigned(
  story: Scenario,
  { key, cert = key, tag = '1' }: { readonly key: string; readonly cert?: string; readonly tag?: string },
): Promise<string> {
  const image = `${lab.state.registry}/${story.namespace}/${name}:${tag}`
  const sign = { keySecret: { name: key }, certSecret: { name: cert }, filesToSign }
  await story.applyTiny(name, commands, { mapping: { containerImage: image, build: tinyBuild(name), sign } })
  return image
}

/** Pods of the story that sign. */
const signPods = (story: Scenario) =>
  story.pods.all().filter(({ pod }) => pod.metadata.labels?.[labels.resourceType] === 'SignImage')

test('images:SGN-7, users R11: it is built, signed and loaded; another key signs it anew, without a build', async ({
  open,
}) => {
  const story = await open('signed')
  const { namespace } = story
  const [one, two] = await Promise.all([makeSigningKey(), makeSigningKey()])
  await story.apply(signingSecret(namespace, 'one', one), signingSecret(namespace, 'two', two))
  await story.addNode()
  const first = await applySigned(story, { key: 'one' })
  await story.untilLoaded(name)

  const entry = await story.kernelStatus(name)
  expect(entry).toMatchObject({
    image: first,
    attempt: 1,
    buildPod: expect.stringMatching(/^tiny-sign-[0-9a-f]{8}-1$/),
    unsigned: { image: expect.stringContaining(':kmm-unsigned-'), digest: expect.stringMatching(/^sha256:/) },
    signHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    // What the build wrote into the image is still there.
    sourceHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    builtOn: { node: expect.any(String) as unknown },
  })
  expect([story.pods.builds().length, signPods(story).length]).toEqual([1, 1])
  const [unsignedTag = ''] = (await tagsOf(lab.state.registry, `${namespace}/${name}`)).filter(
    (tag) => tag !== '1',
  )
  expect(entry?.unsigned?.image).toBe(`${lab.state.registry}/${namespace}/${name}:${unsignedTag}`)
  const file = (path: string, certificate?: string) => ({ path: `${folder}/${path}`, certificate })
  await expectSignatures(first, [file('tiny_1.ko', one.certificate), file('other.ko')])
  await expectSignatures(entry?.unsigned?.image ?? '', [file('tiny_1.ko'), file('other.ko')])

  const ref = { namespace, name }
  const { items: said } = await lab.kube.list(events, { namespace })
  const [created, ...more] = said.filter(({ reason }) => reason === 'SignCreated')
  expect(more).toEqual([])
  expect(said.filter(({ reason }) => reason === 'SignSucceeded')).toHaveLength(1)
  expect(created?.metadata.annotations).toMatchObject({
    'kernel-version': kernel,
    'pod-name': entry?.buildPod,
  })
  await eventually(
    'the pods are collected',
    () => story.pods.all(),
    (all) =>
      all
        .filter(({ pod }) => pod.metadata.labels?.[labels.inputHash] !== undefined)
        .every(({ gone }) => gone),
  )

  const second = await applySigned(story, { key: 'two', tag: '2' })
  await story.untilKernel(
    name,
    'has the other image',
    ({ image, phase }) => image === second && phase === 'Loaded',
  )
  await expectSignatures(second, [file('tiny_1.ko', two.certificate), file('other.ko')])
  expect([story.pods.builds().length, signPods(story).length]).toEqual([1, 2])

  // Neither key is anywhere but in its Secret.
  const runs = await runsOf(lab, ref)
  const histories = await Promise.all(
    runs.map(
      async ({ workflowId, runId }) =>
        await lab.temporal.workflow.getHandle(workflowId, runId).fetchHistory(),
    ),
  )
  const told = JSON.stringify([histories, story.pods.all(), await story.module(name)])
  for (const { key } of [one, two])
    for (const line of key.split('\n').slice(1, -2)) expect(told).not.toContain(line)
})

test('images:MIC-8 Better: a signing that fails is held, and is tried again without a build', async ({
  open,
}) => {
  const story = await open('unsigned')
  const { namespace } = story
  const [one, two] = await Promise.all([makeSigningKey(), makeSigningKey()])
  await story.apply(signingSecret(namespace, 'key', { key: one.key }))
  await story.addNode()
  await applySigned(story, { key: 'key', cert: 'cert' })
  const waits = await story.untilKernel(
    name,
    'waits for its Secret',
    ({ reason }) => reason === 'SecretMissing',
  )
  expect(waits).toMatchObject({ phase: 'Signing', message: expect.stringContaining('sign.certSecret') })
  const creates = `kubectl -n ${namespace} create secret generic cert --from-file=cert=signing_cert.pem`
  await expectWhy(story, name, { line: 'secrets', reason: 'SecretMissing', helps: creates })

  await story.apply(signingSecret(namespace, 'cert', { certificate: two.certificate }))
  const held = await story.untilKernel(name, 'is held', ({ phase }) => phase === 'SignFailed')
  expect(held).toMatchObject({
    reason: 'SignKeyMismatch',
    attempt: 1,
    message: expect.stringContaining('sign.certSecret'),
  })
  expect(held.errorLines).toContain('the certificate is not of the private key')
  expect(signPods(story)).toMatchObject([{ name: held.buildPod, gone: false }])
  await expectWhy(story, name, { line: 'sign', reason: 'SignKeyMismatch' })
  const { stdout } = await plugin(['logs', name, '-n', namespace], {
    KUBECONFIG: lab.state.kubernetes.kubeconfig,
  })
  expect(stdout).toContain('the certificate is not of the private key')

  // Deleted by hand, it is made again, and fails again.
  await story.remove(pods, held.buildPod ?? '')
  const again = await story.untilKernel(
    name,
    'is held again',
    ({ phase, attempt }) => phase === 'SignFailed' && attempt === 2,
  )
  // A Secret that is mended ends the hold by itself.
  await story.remove(secrets, 'cert')
  await story.apply(signingSecret(namespace, 'cert', { certificate: one.certificate }))
  await story.untilLoaded(name)
  const signed = await story.kernelStatus(name)
  expect(signed).toMatchObject({ attempt: 3 })
  expect(signed).not.toHaveProperty('errorLines')
  expect(story.pods.builds()).toHaveLength(1)
  expect(signPods(story).map((pod) => pod.name)).toEqual([held.buildPod, again.buildPod, signed?.buildPod])
})

test('users.md 4: sign added to a Module whose image is built loops for nobody; it is signed when asked for', async ({
  open,
}) => {
  const story = await open('later')
  const { namespace } = story
  const key = await makeSigningKey()
  await story.apply(signingSecret(namespace, 'key', key))
  await story.addNode()
  const containerImage = `${lab.state.registry}/${namespace}/${name}:1`
  await story.applyTiny(name, commands, { mapping: { containerImage, build: tinyBuild(name) } })
  await story.untilLoaded(name)
  const before = await story.kernelStatus(name)
  await applySigned(story, { key: 'key' })
  const { message } = await story.untilCondition(name, { type: 'ImageOutdated', reason: 'SigningDiffers' })
  expect(message).toContain(annotations.rebuild)
  expect(await story.kernelStatus(name)).toMatchObject({ phase: 'Loaded', digest: before?.digest })
  expect([story.pods.builds().length, signPods(story).length]).toEqual([1, 0])

  await story.annotate(name, annotations.rebuild, 'all')
  const after = await story.untilKernel(
    name,
    'has the signed image',
    ({ phase, digest, signHash }) =>
      phase === 'Loaded' && digest !== before?.digest && signHash !== undefined,
  )
  await expectSignatures(containerImage, [{ path: `${folder}/tiny_1.ko`, certificate: key.certificate }])
  expect(after).not.toHaveProperty('rebuild')
  expect([story.pods.builds().length, signPods(story).length]).toEqual([2, 1])
})
