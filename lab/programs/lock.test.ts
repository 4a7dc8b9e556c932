import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { withLock } from './lock.ts'
import { scratchFolder } from './testing/fixtures.ts'

/** Another process that holds the lock until it is killed. */
const holder = async (folder: string) => {
  const program = `
    import { withLock } from ${JSON.stringify(fileURLToPath(new URL('lock.ts', import.meta.url)))}
    await withLock(${JSON.stringify(folder)}, 'k', {}, () => new Promise(() => { console.log('held'); setInterval(() => {}, 1000) }))`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

test('one at a time in one process', async () => {
  const folder = await scratchFolder()
  let inside = 0
  let most = 0
  const work = async (): Promise<void> => {
    inside += 1
    most = Math.max(most, inside)
    await new Promise((resolve) => setImmediate(resolve))
    inside -= 1
  }
  await Promise.all([1, 2, 3, 4].map(() => withLock(folder, 'k', {}, work)))
  expect(most).toBe(1)
})

test('waits for another process and goes on when that is killed', async () => {
  const folder = await scratchFolder()
  const other = await holder(folder)
  const result = await withLock(folder, 'k', { onWait: () => void other.kill('SIGKILL') }, () =>
    Promise.resolve('mine'),
  )
  expect(result).toBe('mine')
  expect(other.killed).toBe(true)
})

test('other keys and other folders are free', async () => {
  const folder = await scratchFolder()
  await holder(folder)
  const fail = (): void => expect.unreachable('nothing to wait for')
  await withLock(folder, 'other', { onWait: fail }, () => Promise.resolve())
  await withLock(await scratchFolder(), 'k', { onWait: fail }, () => Promise.resolve())
})

test('an abort ends the wait', async () => {
  const folder = await scratchFolder()
  await holder(folder)
  const interrupt = new AbortController()
  const waiting = withLock(folder, 'k', { signal: interrupt.signal, onWait: () => interrupt.abort() }, () =>
    Promise.resolve('never'),
  )
  await expect(waiting).rejects.toThrow('aborted')
})

test('an error of the work frees the lock', async () => {
  const folder = await scratchFolder()
  await expect(withLock(folder, 'k', {}, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await withLock(folder, 'k', {}, () => Promise.resolve(1))).toBe(1)
})
