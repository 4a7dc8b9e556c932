import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { readState } from '../state.ts'
import { openVm } from './vm.ts'

/** Ends the connection, as in telnet: Ctrl-]. */
const escape = 0x1d

const usage = `node lab/vm/shell.ts [COMMAND...]
A root shell in the load node of the lab in .lab/ (KMM_LAB_DIR for another); Ctrl-] leaves it. With a command, that
is run instead, and its exit status is returned.
`

/** Joins this terminal and the guest's second serial line. Resolves when either ends. */
async function interactive(path: string): Promise<void> {
  const socket = connect({ path })
  await new Promise<void>((open, fail) => socket.once('connect', open).once('error', fail))
  process.stderr.write('Root shell of the virtual machine; Ctrl-] leaves it.\r\n')
  const { stdin, stdout } = process
  if (stdin.isTTY) stdin.setRawMode(true)
  socket.on('data', (data) => stdout.write(data))
  stdin.on('data', (data: Buffer) => {
    if (data.includes(escape)) socket.destroy()
    else socket.write(data)
  })
  // The shell shows its prompt again.
  socket.write('\n')
  await new Promise<void>((end) => socket.once('close', () => end()))
  if (stdin.isTTY) stdin.setRawMode(false)
  stdin.destroy()
}

const dir = resolve(process.env['KMM_LAB_DIR'] ?? join(import.meta.dirname, '..', '..', '.lab'))
const command = process.argv.slice(2)
try {
  if (command[0] === '--help') process.stdout.write(usage)
  else {
    const load = readState(dir)?.nodes.load
    if (!load)
      throw new Error(`no lab with a load node runs in ${dir}: start one with npm run lab -- up --vm`)
    const vm = openVm(load.dir)
    if (command.length === 0) await interactive(vm.ports.shell)
    else {
      const { output, status } = await vm.console.run(command.join(' '))
      process.stdout.write(output)
      process.exitCode = status
    }
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
