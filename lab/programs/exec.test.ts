import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { run, runOrThrow } from './exec.ts'

test('gives the exit code, stdout whole, and the last lines of both streams', async () => {
  const result = await run(['sh', '-c', 'seq 100; echo oops >&2; exit 3'])
  expect(result.code).toBe(3)
  expect(result.stdout.split('\n')).toHaveLength(100)
  expect(result.tail).toHaveLength(12)
  expect(result.tail).toContain('oops')
})

test('a command that does not exist is an outcome with its reason', async () => {
  expect(await run(['/nowhere/x'])).toEqual({ code: -1, stdout: '', tail: ['spawn /nowhere/x ENOENT'] })
})

test('a command reads its input, or nothing', async () => {
  expect(await runOrThrow(['cat'], { input: 'a\nb\n' })).toBe('a\nb')
  expect(await runOrThrow(['cat'])).toBe('')
  await expect(runOrThrow(['true'], { input: 'x'.repeat(1024 * 1024) })).resolves.toBe('')
})

test('the error of a failed command has command line, exit code and last lines', async () => {
  await expect(runOrThrow(['sh', '-c', 'echo broken >&2; exit 4'])).rejects.toThrow(
    'sh -c echo broken >&2; exit 4 ended with exit code 4\n    | broken',
  )
})

test('a command that ends with us does so after kill -9', async () => {
  const module = JSON.stringify(fileURLToPath(new URL('exec.ts', import.meta.url)))
  const program = `
    import { endingWithUs, run } from ${module}
    await run(endingWithUs(['sh', '-c', 'echo $$; exec sleep 600']), { onLine: (line) => console.log(line) })`
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void parent.kill('SIGKILL'))
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const child = `/proc/${line.toString().trim()}/exe`
  expect(existsSync(child)).toBe(true)
  parent.kill('SIGKILL')
  await vi.waitFor(() => expect(existsSync(child)).toBe(false), { timeout: 60_000 })
})
