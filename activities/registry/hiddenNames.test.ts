import type { LookupFunction } from 'node:net'
import { expect, test } from 'vitest'
import { checkImage, type ImageCheck } from './checkImage.ts'
import { hidden } from './connection.ts'
import { refusal, type Script, scriptedRegistry } from './testing/scriptedRegistry.ts'

/** A name server of a network: what it does not list is not there. */
const zone: Readonly<Record<string, string>> = {
  'loopback.example': '127.0.0.1',
  'metadata.example': '169.254.169.254',
  'private.example': '10.1.2.3',
}
const resolveName: LookupFunction = (hostname, _options, callback) => {
  const address = zone[hostname]
  if (hostname === 'silent.example')
    return callback(Object.assign(new Error('no answer'), { code: 'EAI_AGAIN' }), [])
  if (address === undefined)
    return callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), [])
  callback(null, [{ address, family: 4 }])
}

/** Asks for an image at a registry that the admin lists, and that names a host as `naming` has it. */
async function checkNaming(host: string, naming: (target: string) => Script): Promise<ImageCheck> {
  const registry = await scriptedRegistry(naming(`http://${host}/x`))
  return await checkImage(`${registry.host}/a:1`, {
    insecure: true,
    insecureSkipTLSVerify: false,
    timeoutMs: 60_000,
    // Private addresses are refused, so that no test connects to one.
    addresses: { privateAddresses: 'refuse', allowedHosts: [registry.host] },
    resolveName,
  })
}

const asRealm =
  (target: string): Script =>
  ({ path }) =>
    path === '/v2/' ? {} : refusal(401, 'UNAUTHORIZED', { 'www-authenticate': `Bearer realm="${target}"` })

const asRedirect =
  (target: string): Script =>
  ({ path }) =>
    path === '/v2/' ? {} : { status: 307, headers: { location: target } }

const names = ['absent.example', 'silent.example', ...Object.keys(zone)]

test.each([
  ['token servers', asRealm],
  ['targets of redirects', asRedirect],
])('whether the network knows the names of %s is not told', async (_what, naming) => {
  const told = new Set<string>()
  for (const name of names) {
    const result = await checkNaming(name, naming)
    const message = 'message' in result ? result.message : ''
    const withoutHosts = message.replace(name, 'NAME').replace(/127\.0\.0\.1:\d+/, 'REGISTRY')
    told.add(`${result.kind} ${withoutHosts}`)
  }
  expect([...told]).toEqual([expect.stringContaining(hidden)])
})

test('that the name of the registry itself is not found is told', async () => {
  const options = { insecure: true, insecureSkipTLSVerify: false, resolveName }
  expect(await checkImage('absent.example/a:1', options)).toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining('host name not found'),
  })
})
