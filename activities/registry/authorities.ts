import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** The operator's configuration names a file that cannot be used; the message names key and file. */
export class AuthoritiesError extends Error {
  override readonly name = 'AuthoritiesError'
}

/**
 * Reads the PEM bundle of `registry.caFile`: authorities that registries' certificates are checked against beside
 * the usual ones. Read anew for each check, so that a renewed file counts at once.
 * @throws AuthoritiesError
 */
export function readAuthorities(file: string): string {
  try {
    const pem = readFileSync(file, 'utf8')
    new X509Certificate(pem)
    return pem
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new AuthoritiesError(`registry.caFile: ${file} holds no certificate in PEM (${why})`, {
      cause: error,
    })
  }
}
