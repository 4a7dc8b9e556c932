import { expect, onTestFinished, test } from 'vitest'
import { openConnection } from './connection.ts'
import { scriptedRegistry } from './testing/scriptedRegistry.ts'

function open(insecure: boolean) {
  const connection = openConnection({ insecure, insecureSkipTLSVerify: false, timeoutMs: 60_000 })
  onTestFinished(async () => await connection.close())
  return connection
}

test('a redirect to plain HTTP is followed only where plain HTTP is allowed', async () => {
  const target = await scriptedRegistry(() => ({ body: 'there' }))
  const location = `http://${target.host}/blob?signature=s`
  const { host } = await scriptedRegistry(() => ({ status: 307, headers: { location } }))
  const request = { method: 'GET', url: new URL(`http://${host}/`) } as const
  const refused = open(false).send(request)
  await expect(refused).rejects.toMatchObject({ result: { kind: 'unreachable' } })
  await expect(refused).rejects.not.toThrow('signature')
  expect(target.asked).toEqual([])
  expect((await open(true).send(request)).body.toString()).toBe('there')
})

test('an answer without end is not read to its end', async () => {
  const { host } = await scriptedRegistry(() => ({ body: 'x'.repeat(5 * 1024 * 1024) }))
  const answer = open(true).send({ method: 'GET', url: new URL(`http://${host}/`) })
  await expect(answer).rejects.toThrow('more than 4194304 bytes')
})
