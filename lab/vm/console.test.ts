import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { answer, greeting, openConsole, request } from './console.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('protocol', () => {
  it('writes a request in one line, with whole seconds', () => {
    expect(request('a', 'echo 1\necho 2', 1_500)).toBe(`a 2 ${base64('echo 1\necho 2')}\n`)
    expect(request('a', 'true', 0)).toMatch(/^a 1 /)
    expect(greeting('a')).toBe('a 0 -\n')
  })

  it.each([
    ['an answer', `a 3 ${base64('no\nway\n')}`, { status: 3, output: 'no\nway\n' }],
    ['an answer without output', 'a 0 ', { status: 0, output: '' }],
    ['the answer to another request', `b 0 ${base64('x')}`, null],
    ['a kernel message', '[   12.3] a 0 ', null],
    ['a torn line', 'a 0', null],
    ['what is not base64', 'a 0 {}', null],
  ])('reads %s', (_, line, result) => {
    expect(answer('a', line)).toEqual(result)
  })
})

describe('openConsole', () => {
  let dir: string
  let path: string
  let close: () => void = () => undefined
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'kmm-console-'))
    path = join(dir, 'agent.sock')
  })
  afterEach(() => {
    close()
    rmSync(dir, { recursive: true })
  })

  /** An agent that takes one connection at a time, as QEMU does, and hands each line to `reply`. */
  const agent = async (reply: (id: string, seconds: number, command: string, socket: Socket) => void) => {
    const open = new Set<Socket>()
    const server = createServer((socket) => {
      open.add(socket)
      socket.on('error', () => socket.destroy())
      createInterface({ input: socket }).on('line', (line) => {
        const [id = '', seconds = '', command = ''] = line.split(' ')
        reply(id, Number(seconds), Buffer.from(command, 'base64').toString(), socket)
      })
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
    close = () => {
      server.close()
      for (const socket of open) socket.destroy()
    }
  }

  it('sends the command once, after the agent has answered', async () => {
    const commands: string[] = []
    let greetings = 0
    await agent((id, seconds, command, socket) => {
      if (seconds === 0) {
        // The first greetings are lost, as in a guest that restarts.
        if (++greetings === 2) socket.write(`${id} 0 \n${id} 0 \n`)
        return
      }
      commands.push(command)
      socket.write(`stale 0 ${base64('x')}\ngarbage\n${id} 5 ${base64('out')}\n`)
    })
    expect(await openConsole(path).run('uname -r')).toEqual({ output: 'out', status: 5 })
    expect(commands).toEqual(['uname -r'])
  })

  it('runs commands one after the other', async () => {
    const seen: string[] = []
    await agent((id, seconds, command, socket) => {
      seen.push(seconds === 0 ? 'greeting' : command)
      socket.write(`${id} 0 ${seconds === 0 ? '' : base64(command)}\n`)
    })
    const guest = openConsole(path)
    const results = await Promise.all(['a', 'b'].map((command) => guest.run(command)))
    expect(results.map(({ output }) => output)).toEqual(['a', 'b'])
    expect(seen).toEqual(['greeting', 'a', 'greeting', 'b'])
  })

  it('says what a command wrote that did not end in time', async () => {
    await agent((id, seconds, _, socket) => {
      socket.write(seconds === 0 ? `${id} 0 \n` : `${id} 124 ${base64('half')}\n`)
    })
    await expect(openConsole(path).run('sleep 9', 1_000)).rejects.toThrow(
      '"sleep 9" did not end within 1 s: half',
    )
  })

  it('adds what is known of the machine when it stops, and goes on with the next command', async () => {
    let stop = true
    await agent((id, seconds, _, socket) => {
      if (seconds === 0) return void socket.write(`${id} 0 \n`)
      if (stop) socket.destroy()
      else socket.write(`${id} 0 \n`)
      stop = false
    })
    const guest = openConsole(path, () => '\nKernel panic')
    await expect(guest.run('lsmod')).rejects.toThrow(
      'the virtual machine did not run "lsmod": it stopped\nKernel panic',
    )
    expect((await guest.run('lsmod')).status).toBe(0)
  })
})
