import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { issueCertificate, type KeyPair, type Use } from '../../x509.ts'

const day = 24 * 60 * 60 * 1000

/** A certificate that is valid now. */
export function certificate(commonName: string, use: Use, issuer?: KeyPair): KeyPair {
  const now = Date.now()
  return issueCertificate(
    { commonName, use, notBefore: new Date(now - day), notAfter: new Date(now + day) },
    issuer,
  )
}

/** An authority with a server certificate for 127.0.0.1 and localhost and a client certificate. */
export function certificates() {
  const authority = certificate('authority', { kind: 'authority' })
  const hosts = ['127.0.0.1', 'localhost', 'temporal.test']
  return {
    authority,
    server: certificate('server', { kind: 'server', hosts }, authority),
    client: certificate('client', { kind: 'client' }, authority),
  }
}

/** Writes texts as files of a folder that goes with the test; returns their paths by the same names. */
export function filesOfTest<Name extends string>(
  texts: Readonly<Record<Name, string>>,
): Record<Name, string> {
  const dir = mkdtempSync(join(tmpdir(), 'kmm-temporal-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const entries = Object.entries<string>(texts).map(([name, text]) => {
    writeFileSync(join(dir, name), text)
    return [name, join(dir, name)]
  })
  return Object.fromEntries(entries) as Record<Name, string>
}
