import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { openAuthority } from '../../lab/certificates.ts'
import { registryLogin, type TokenAuth } from '../../lab/registry.ts'

const service = 'registry.test'
const issuer = 'simulated token server'

/**
 * Stands for the token server of a public registry; the tokens are real, and a docker-registry trusts them. As Docker
 * Hub does it: `registryLogin` may push anywhere, but nobody may pull from a repository that is not in `repositories`.
 * Strangers may pull from `open` ones.
 */
export async function simulateTokenServer(
  dir: string,
  known: { readonly repositories: readonly string[]; readonly open?: readonly string[] },
): Promise<{ readonly auth: TokenAuth; readonly granted: string[]; readonly close: () => void }> {
  const authority = await openAuthority(join(dir, 'tokens'))
  const signer = await authority.issue({ name: 'signer', commonName: issuer })
  const granted: string[] = []
  const right = Buffer.from(`${registryLogin.username}:${registryLogin.password}`).toString('base64')
  const server = createServer((request, response) => {
    const { authorization } = request.headers
    if (authorization !== undefined && authorization !== `Basic ${right}`) {
      response.writeHead(401).end()
      return
    }
    const scope = new URL(request.url ?? '', 'http://localhost').searchParams.get('scope') ?? ''
    const [type = '', name = '', wanted = ''] = scope.split(':')
    const pullable = authorization === undefined ? (known.open ?? []) : known.repositories
    const actions = wanted
      .split(',')
      .filter((action) => (action === 'push' ? authorization !== undefined : pullable.includes(name)))
    // Who may push may pull as well, so that a client learns that there is nothing yet.
    if (actions.includes('push') && !actions.includes('pull')) actions.push('pull')
    granted.push(`${scope} -> ${actions.toSorted().join(',')}`)
    const access = actions.length === 0 ? [] : [{ type, name, actions }]
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ token: token(signer, access) }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`
  return {
    auth: { realm, service, issuer, authorityFile: authority.certFile },
    granted,
    close: () => void server.close(),
  }
}

/** A JSON Web Token as registries want it, signed with ES256; its header holds the signer's certificate. */
function token(files: { readonly certFile: string; readonly keyFile: string }, access: object[]): string {
  const { raw } = new X509Certificate(readFileSync(files.certFile))
  const now = Math.floor(Date.now() / 1000)
  const header = { typ: 'JWT', alg: 'ES256', x5c: [raw.toString('base64')] }
  const claims = { iss: issuer, sub: '', aud: service, iat: now, nbf: now - 60, exp: now + 300, access }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const content = `${part(header)}.${part({ ...claims, jti: randomUUID() })}`
  const key = createPrivateKey(readFileSync(files.keyFile))
  const signature = sign('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' })
  return `${content}.${signature.toString('base64url')}`
}
