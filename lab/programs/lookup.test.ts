import { describe, expect, test } from 'vitest'
import { lookUp, probeVersion, searchFolders } from './lookup.ts'
import { scratchFolder, script, tool, writeProgram } from './testing/fixtures.ts'

describe('lookUp', () => {
  test('finds a program of an acceptable version in the folders', async () => {
    const folder = await scratchFolder()
    const path = await writeProgram(folder, 'tool', script('1.7'))
    expect(await lookUp(tool(), [folder], {})).toEqual({ kind: 'found', path, where: 'path' })
  })

  test('passes over another version and takes a fitting one further on', async () => {
    const [old, fitting] = [await scratchFolder(), await scratchFolder()]
    await writeProgram(old, 'tool', script('0.9'))
    const path = await writeProgram(fitting, 'tool', script('1.0'))
    expect(await lookUp(tool(), [old, fitting], {})).toEqual({ kind: 'found', path, where: 'path' })
  })

  test('says what an unfit program answered', async () => {
    const folder = await scratchFolder()
    const path = await writeProgram(folder, 'tool', script('2.0'))
    expect(await lookUp(tool(), [folder], {})).toEqual({
      kind: 'absent',
      rejected: [`${path} answers "tool 2.0"`],
    })
  })

  test('the environment variable comes first', async () => {
    const [named, folder] = [await scratchFolder(), await scratchFolder()]
    const path = await writeProgram(named, 'mine', script('1.1'))
    await writeProgram(folder, 'tool', script('1.0'))
    expect(await lookUp(tool(), [folder], { KMM_LAB_TOOL: path })).toEqual({
      kind: 'found',
      path,
      where: 'environment',
    })
  })

  test.each([
    ['nothing', '/nowhere/tool', 'is not an executable file'],
    ['the wrong version', undefined, 'answers "tool 3.0"; wanted is tool 1'],
  ])('a variable that names %s is an error that names the variable', async (_, value, reason) => {
    const folder = await scratchFolder()
    const path = value ?? (await writeProgram(folder, 'tool', script('3.0')))
    await expect(lookUp(tool(), [], { KMM_LAB_TOOL: path })).rejects.toThrow(`KMM_LAB_TOOL=${path} ${reason}`)
  })

  test('a directory must hold all its files', async () => {
    const [half, whole] = [await scratchFolder(), await scratchFolder()]
    for (const name of ['bridge', 'loopback']) await writeProgram(whole, name, '')
    await writeProgram(half, 'bridge', '')
    const spec = tool({
      lookup: { kind: 'directory', paths: [half, whole], contains: ['bridge', 'loopback'] },
    })
    expect(await lookUp(spec, [], {})).toEqual({ kind: 'found', path: whole, where: 'path' })
  })
})

test('a long answer is read from its beginning', async () => {
  const folder = await scratchFolder()
  const path = await writeProgram(folder, 'tool', script('1.0', 'echo "tool 1.0"; seq 200'))
  expect(await probeVersion(path, { args: [], accept: /^tool 1\.0\n1\n/, wanted: '' })).toBeUndefined()
})

test('the sbin folders are searched too', () => {
  expect(searchFolders('/usr/bin:relative:')).toEqual(['/usr/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'])
})
