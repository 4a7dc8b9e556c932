import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../programs/exec.ts'
import { guestFile } from './initrd.ts'

let folder: string
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'kmm-crun-'))))
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs the script with a simulated crun, which says this and ends so. */
async function crun(argv: readonly string[], says: string, status: number) {
  const file = join(folder, 'crun')
  writeFileSync(
    file,
    `#!/bin/sh\nprintf '%s' "$*" >'${folder}/argv'\ncat >&2 <<'END'\n${says}\nEND\nexit ${status}\n`,
  )
  chmodSync(file, 0o700)
  const env = { PATH: [folder, process.env['PATH']].join(delimiter) }
  const { code, tail } = await run(['sh', guestFile('crun.sh'), ...argv], { env })
  return { code, said: tail.join('\n'), got: readFileSync(join(folder, 'argv'), 'utf8') }
}

const state = '/run/containerd/runc/k8s.io'
const options = ['--root', state, '--log', 'log.json']

describe('of a container that is gone, containerd hears in the words of runc', () => {
  it.each([
    ['kill', ['kill', 'c1', '9'], `error opening file \`${state}/c1/status\`: No such file or directory`],
    ['delete', ['delete', 'c1'], `cannot open directory '${state}/c1': No such file or directory`],
  ])('%s', async (_command, command, says) => {
    const { code, said } = await crun([...options, ...command], says, 1)
    expect(code).toBe(1)
    expect(said).toBe(`container does not exist: ${says}`)
  })
})

describe('all else is as crun says it', () => {
  it.each([
    ['a kill that is refused', ['kill', 'c1', '9'], 'kill container: Operation not permitted', 1],
    ['a kill that is done', ['kill', 'c1', '9'], '', 0],
    ['another command', ['create', 'c1'], `${state}/c1: No such file or directory`, 126],
  ])('%s', async (_name, command, says, status) => {
    const argv = [...options, ...command]
    expect(await crun(argv, says, status)).toEqual({ code: status, said: says, got: argv.join(' ') })
  })
})
