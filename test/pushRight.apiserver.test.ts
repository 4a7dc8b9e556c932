import { afterAll, expect, test } from 'vitest'
import type { Credentials } from '../activities/registry/credentials.ts'
import { checkImage } from '../activities/registry/checkImage.ts'
import { hasPushRight } from '../activities/registry/pushRight.ts'
import { onThisMachine } from '../activities/registry/testing/scriptedRegistry.ts'
import { registryLogin } from '../lab/registry.ts'
import { openTestFolder } from '../lab/testFolder.ts'
import { startPrivateRegistry, type RegistryTraits } from './support/privateRegistry.ts'
import { simulateReadOnlyRegistry } from './support/simulatedReadOnlyRegistry.ts'

const folder = openTestFolder('push-right')
afterAll(() => folder.close())

const start = async (traits: RegistryTraits) => await startPrivateRegistry(folder, '127.0.0.1', traits)
const options = { insecure: true, insecureSkipTLSVerify: false, addresses: onThisMachine }
const { username, password } = registryLogin
const right: Credentials = { kind: 'password', username, password }
const wrong: Credentials = { ...right, password: 'wrong' }

test('whoever the registry lets push shows it, and leaves nothing there', async () => {
  const { host } = await start({ name: 'open' })
  expect(await hasPushRight(`${host}/a/b:1`, options)).toBe(true)
  expect(await checkImage(`${host}/a/b:1`, options)).toEqual({ kind: 'absent' })
})

test('a stranger without the login shows nothing', async () => {
  const { host } = await start({ name: 'login', login: true })
  const shows = async (...credentials: Credentials[]) =>
    await hasPushRight(`${host}/a/b:1`, { ...options, credentials })
  expect([await shows(), await shows(wrong), await shows(wrong, right)]).toEqual([false, false, true])
})

test('nor does anybody where nothing can be pushed, or nobody answers', async () => {
  const { host, close } = await simulateReadOnlyRegistry('127.0.0.1')
  expect(await hasPushRight(`${host}/a/b:1`, options)).toBe(false)
  close()
  expect(await hasPushRight(`${host}/a/b:1`, options)).toBe(false)
})
