import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bundle } from './plan.ts'

/** Reads the server's certificate from `dir`; undefined: there is none yet. */
export async function readBundle(dir: string): Promise<Bundle | undefined> {
  try {
    const [cert, key, ca] = await Promise.all(
      ['tls.crt', 'tls.key', 'ca.crt'].map(async (name) => await readFile(join(dir, name), 'utf8')),
    )
    return cert === undefined || key === undefined || ca === undefined ? undefined : { cert, key, ca }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Writes files that only their owner reads, each replaced whole. The certificate comes last: it is the sign that all are
 * there.
 */
export async function writeBundle(dir: string, { cert, key, ca }: Bundle): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  for (const [name, text] of [
    ['ca.crt', ca],
    ['tls.key', key],
    ['tls.crt', cert],
  ] as const) {
    const made = join(dir, `.${name}.new`)
    await writeFile(made, text, { mode: 0o600 })
    await rename(made, join(dir, name))
  }
}
