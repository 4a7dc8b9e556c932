import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A key for signing modules and its own certificate, as `openssl` makes them; made once per folder and name. */
export function keyAndCertificate(
  folder: string,
  type: 'rsa' | 'ec',
  name: string,
): { readonly key: Buffer; readonly certificate: Buffer } {
  const key = join(folder, `${type}-${name}.key`)
  const certificate = join(folder, `${type}-${name}.crt`)
  if (!existsSync(certificate)) {
    const kind = type === 'rsa' ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
    execFileSync(
      'openssl',
      // prettier-ignore
      ['req', '-x509', '-new', '-newkey', ...kind, '-nodes', '-days', '2', '-subj', `/O=drivers/CN=${name}`,
        '-keyout', key, '-out', certificate],
      { stdio: 'pipe' },
    )
  }
  return { key: readFileSync(key), certificate: readFileSync(certificate) }
}
