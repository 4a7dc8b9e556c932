import { readFile } from 'node:fs/promises'
import { lockFaults } from './lockFaults.ts'

/** `node release/checkLock.ts`: checks package-lock.json, prints what is wrong with it, and ends with 1 then. */
const [lock, manifest] = await Promise.all(['package-lock.json', 'package.json'].map(readJson))
const faults = lockFaults(lock, manifest)
for (const fault of faults) process.stderr.write(`package-lock.json: ${fault}\n`)
process.exitCode = faults.length === 0 ? 0 : 1

async function readJson(name: string): Promise<unknown> {
  return JSON.parse(await readFile(new URL(`../${name}`, import.meta.url), 'utf8'))
}
