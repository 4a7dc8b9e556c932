import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { quit } from './control.ts'

let dir: string
let server: Server
let asked: string[]
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kmm-control-'))
  asked = []
})
afterEach(() => {
  server.close()
  rmSync(dir, { recursive: true })
})

/** A QEMU that greets, tells an event, and answers `quit` with `answer`. */
const qemu = async (answer: object | null) => {
  const path = join(dir, 'control.sock')
  server = createServer((socket) => {
    const say = (message: object) => socket.write(`${JSON.stringify(message)}\n`)
    say({ QMP: { version: {} } })
    createInterface({ input: socket }).on('line', (line) => {
      const { execute } = JSON.parse(line) as { execute: string }
      asked.push(execute)
      say({ event: 'RTC_CHANGE', data: {} })
      if (execute === 'qmp_capabilities') say({ return: {} })
      else if (answer === null) socket.destroy()
      else say(answer)
    })
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return path
}

it('resolves when QEMU has done the command', async () => {
  await quit(await qemu({ return: {} }))
  expect(asked).toEqual(['qmp_capabilities', 'quit'])
})

it('throws what QEMU has against it', async () => {
  const path = await qemu({ error: { class: 'GenericError', desc: 'not now' } })
  await expect(quit(path)).rejects.toThrow('QEMU refuses to end: not now')
})

it('resolves when QEMU goes without an answer', async () => {
  await quit(await qemu(null))
  expect(asked).toEqual(['qmp_capabilities', 'quit'])
})
