import { expect, test } from 'vitest'
import type { Kube } from '../kube/kube.ts'
import type { Pod } from '../kube/resources.ts'
import { buildOutcome } from './buildOutcome.ts'
import { LogTail } from './logTail.ts'
import { SecretMask, withheld } from './secretMask.ts'

const pod = {
  metadata: { namespace: 'n', name: 'p' },
  spec: { volumes: [{ name: 'v', secret: { secretName: 'token' } }] },
} as unknown as Pod

test('a Secret that is changed while its build runs is masked with all its values, also in what was kept', async () => {
  let value = 'first-value'
  let version = 0
  const get = async () => ({
    metadata: { uid: 'u', resourceVersion: String(version) },
    data: { token: Buffer.from(value).toString('base64') },
  })
  const mask = new SecretMask({ get } as unknown as Pick<Kube, 'get'>, pod)
  const log = new LogTail(mask.mask)
  await mask.renew(log)
  log.add('first-value other-value')
  expect(log.text()).toBe('*** other-value')
  value = 'other-value'
  version++
  await mask.renew(log)
  expect(log.text()).toBe('*** ***')
  log.add('error: first-value other-value')
  expect([log.errorLines(), log.last]).toEqual(['error: *** ***', 'error: *** ***'])
})

test('addresses lose their passwords in a build without Secrets, too', async () => {
  const get = async () => undefined
  const log = new LogTail(new SecretMask({ get } as unknown as Pick<Kube, 'get'>, undefined).mask)
  log.add('git clone https://me:secret@host/x')
  expect(log.text()).toBe('git clone https://***@host/x')
})

/** Secrets of these sizes, no two alike, and a pod that mounts them. */
function largeSecrets(...sizes: readonly number[]) {
  const volumes = sizes.map((_, at) => ({ name: `v${at}`, secret: { secretName: `large${at}` } }))
  let asked = 0
  const get = async (_: unknown, { name }: { readonly name: string }) => {
    asked++
    const at = Number(name.slice('large'.length))
    let data = ''
    for (let line = 0; data.length < (sizes[at] ?? 0); line++) data += `${name} ${line * 2_654_435_761}\n`
    const metadata = { uid: name, resourceVersion: '1' }
    return { metadata, data: { key: Buffer.from(data.slice(0, sizes[at])).toString('base64') } }
  }
  const mask = new SecretMask(
    { get } as unknown as Pick<Kube, 'get'>,
    { ...pod, spec: { volumes } } as unknown as Pod,
  )
  return { mask, log: new LogTail(mask.mask), asked: () => asked }
}
const mib = 1024 * 1024

test('Secrets that together are too large are read no further, and the log is withheld', async () => {
  const { mask, log, asked } = largeSecrets(...Array.from({ length: 18 }, () => mib))
  log.add('large0 0 large17 0')
  await mask.renew(log)
  log.add('error: large17 0')
  expect([log.marked(), log.errorLines(), log.last]).toEqual([withheld, withheld, ''])
  expect(withheld).toContain('2 MiB')
  expect(asked()).toBe(3)
  await mask.renew(log)
  expect(asked()).toBe(3)
})

test('how the build ended is known from a log that is withheld', async () => {
  const { mask, log } = largeSecrets(3 * mib)
  await mask.renew(log)
  log.add(
    'error building image: error building stage: failed to execute command: waiting for process: signal: killed',
  )
  const state = { kind: 'failed', message: '', finishedAt: '', exitCode: 1 } as const
  expect(buildOutcome('p', state, {}, log)).toMatchObject({
    reason: 'OutOfMemory',
    errorLines: withheld,
    log: withheld,
  })
})

test('a Secret of the greatest size that Kubernetes takes is masked', async () => {
  const { mask, log } = largeSecrets(mib)
  await mask.renew(log)
  log.add('a large0 0 b')
  expect(log.text()).toBe('a *** b')
})

test('a log is masked anew only when a Secret has changed', async () => {
  for (const { mask, log } of [largeSecrets(), largeSecrets(10)]) {
    await mask.renew(log)
    let again = 0
    log.maskAnew = () => again++
    await mask.renew(log)
    await mask.renew(log)
    expect(again).toBe(0)
  }
})

test('a renewal that comes while another goes on waits for the Secrets, too', async () => {
  const { mask, log } = largeSecrets(mib)
  log.add('large0 0')
  const first = mask.renew(log)
  await mask.renew(log)
  expect(log.text()).toBe('***')
  await first
})
