import { createServer, type AddressInfo, type Server } from 'node:net'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { freePorts, requireFree } from './ports.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

const listen = async (): Promise<number> => {
  const server = createServer()
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const wanted = (port: number, address = '127.0.0.1') => ({
  program: 'the registry',
  address,
  port,
  setting: 'KMM_LAB_REGISTRY_PORT',
})

test('a held port: the error names who holds it and the setting', async () => {
  const port = await listen()
  await expect(requireFree(wanted(port))).rejects.toThrow(
    new RegExp(
      `^port ${port} on 127.0.0.1 for the registry is held by .+ \\(pid ${process.pid}\\): stop it, or set KMM_LAB_REGISTRY_PORT`,
    ),
  )
})

test('an address the machine does not have: the error says so', async () => {
  await expect(requireFree(wanted(5000, '192.0.2.77'))).rejects.toThrow(/cannot be used \(EADDRNOTAVAIL\)/)
})

test('free ports are different and can be listened on', async () => {
  const ports = await freePorts(5)
  expect(new Set(ports).size).toBe(5)
  for (const port of ports) await requireFree(wanted(port))
})

test('no port is given twice, to this process or to another that lives', async () => {
  const [port = 0] = await freePorts(1)
  const random = vi.spyOn(Math, 'random')
  onTestFinished(() => random.mockRestore())
  const next = (wantedPort: number) => random.mockReturnValueOnce((wantedPort - 15_000) / 15_000)
  next(port)
  expect(await freePorts(1)).not.toContain(port)
  const file = join(tmpdir(), `kmm-ports-${process.getuid?.() ?? 0}`, String(port))
  writeFileSync(file, '1')
  next(port)
  expect(await freePorts(1)).not.toContain(port)
  // Its owner is gone.
  writeFileSync(file, '999999999')
  next(port)
  expect(await freePorts(1)).toEqual([port])
})
