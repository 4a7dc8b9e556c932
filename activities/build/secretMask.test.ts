import { expect, test } from 'vitest'
import type { Kube } from '../kube/kube.ts'
import type { Pod } from '../kube/resources.ts'
import { LogTail } from './logTail.ts'
import { SecretMask } from './secretMask.ts'

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
