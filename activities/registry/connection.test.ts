import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openConnection } from './connection.ts'
import { onThisMachine, scriptedRegistry } from './testing/scriptedRegistry.ts'

function open(insecure: boolean) {
  const connection = openConnection({
    insecure,
    insecureSkipTLSVerify: false,
    addresses: onThisMachine,
    timeoutMs: 60_000,
  })
  onTestFinished(async () => await connection.close())
  return connection
}

test('a redirect to plain HTTP is followed only where plain HTTP is allowed', async () => {
  const target = await scriptedRegistry(() => ({ body: 'there' }))
  const location = `http://${target.host}/blob?signature=s`
  const { host } = await scriptedRegistry(() => ({ status: 307, headers: { location } }))
  const request = { method: 'GET', url: new URL(`http://${host}/`) } as const
  const refused = open(false).send(request)
  await expect(refused).rejects.toThrow(/over http, which is not allowed/)
  await expect(refused).rejects.not.toThrow('signature')
  expect(target.asked).toEqual([])
  expect((await open(true).send(request)).body.toString()).toBe('there')
})

test('an answer without end is not read to its end', async () => {
  const { host } = await scriptedRegistry(() => ({ body: 'x'.repeat(5 * 1024 * 1024) }))
  const answer = open(true).send({ method: 'GET', url: new URL(`http://${host}/`) })
  await expect(answer).rejects.toThrow('more than 4194304 bytes')
})

/** A proxy that answers plain requests itself and opens no tunnel; `asked` is what it was asked for. */
async function proxy() {
  const asked: (string | undefined)[] = []
  const server = createServer(({ url }, response) => {
    asked.push(url)
    response.end('from the proxy')
  })
  server.on('connect', ({ url }, client: Socket) => {
    asked.push(url)
    client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

test('a proxy of the environment is used, except for the hosts in NO_PROXY', async () => {
  const { host } = await scriptedRegistry(() => ({ body: 'from the registry' }))
  const { url, asked } = await proxy()
  onTestFinished(() => void vi.unstubAllEnvs())
  for (const name of ['http_proxy', 'https_proxy', 'no_proxy', 'NO_PROXY']) vi.stubEnv(name, undefined)
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY']) vi.stubEnv(name, url)
  const ask = async (at: string) => await open(true).send({ method: 'GET', url: new URL(at) })

  expect((await ask('http://registry.test/v2/')).body.toString()).toBe('from the proxy')
  await expect(ask('https://registry.test/v2/')).rejects.toThrow()
  expect(asked).toEqual(['http://registry.test/v2/', 'registry.test:443'])
  vi.stubEnv('NO_PROXY', '127.0.0.1')
  expect((await ask(`http://${host}/`)).body.toString()).toBe('from the registry')
  expect(asked).toHaveLength(2)
})
