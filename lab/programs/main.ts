import { parseArgs } from 'node:util'
import { ensurePrograms } from './ensure.ts'
import { createProgress } from './progress.ts'
import { programNames, type ProgramName } from './table.ts'

const isName = (name: string): name is ProgramName => programNames.some((known) => known === name)

/** `node lab/programs/main.ts [names...]`: prepares the programs (all by default) and prints name and path of each. */
const main = async (): Promise<number> => {
  const { positionals } = parseArgs({ allowPositionals: true })
  const unknown = positionals.filter((name) => !isName(name))
  if (unknown.length > 0) {
    process.stderr.write(`unknown: ${unknown.join(', ')}. Programs: ${programNames.join(', ')}\n`)
    return 2
  }
  const names = positionals.length === 0 ? programNames : positionals.filter(isName)
  const interrupt = new AbortController()
  process.once('SIGINT', () => interrupt.abort())
  process.once('SIGTERM', () => interrupt.abort())
  const progress = createProgress()
  const programs = ensurePrograms(names, { progress, signal: interrupt.signal })
  const results = await Promise.allSettled(names.map((name) => programs.path(name)))
  await programs.finished
  progress.close()
  for (const [index, result] of results.entries()) {
    if (result.status === 'fulfilled') process.stdout.write(`${names[index] ?? ''}\t${result.value}\n`)
    else if (!interrupt.signal.aborted) process.stderr.write(`${String(result.reason)}\n`)
  }
  if (interrupt.signal.aborted) return 130
  return results.every((result) => result.status === 'fulfilled') ? 0 : 1
}

process.exitCode = await main()
