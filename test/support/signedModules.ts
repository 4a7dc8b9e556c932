import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WriteBody } from '../../activities/kube/kube.ts'
import { splitSignature } from '../../signer/moduleSignature.ts'
import { keyAndCertificate } from '../../signer/testing/keyAndCertificate.ts'
import { exportImage } from './kmodImages.ts'
import { planted } from './planted.ts'

/** A key for signing modules with its certificate, both as PEM. */
export interface SigningKey {
  readonly key: string
  readonly certificate: string
}

export async function makeSigningKey(): Promise<SigningKey> {
  const folder = await mkdtemp(join(tmpdir(), 'kmm-signing-key-'))
  try {
    const { key, certificate } = keyAndCertificate(folder, 'rsa', 'lab')
    // Text before a PEM counts for nothing; a log that holds the file holds it.
    return { key: `# ${planted()}\n${key.toString()}`, certificate: certificate.toString() }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** A Secret with a private key (`key`), a certificate (`cert`), or both. */
export function signingSecret(
  namespace: string,
  name: string,
  { key, certificate }: Partial<SigningKey>,
): WriteBody {
  const stringData = { ...(key && { key }), ...(certificate && { cert: certificate }) }
  return { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name }, stringData }
}

/** A file of an image. Its signature is verified by OpenSSL when a certificate is given, else it must have none. */
export interface FileOfImage {
  readonly path: string
  readonly certificate: string | undefined
}

/** Pulls an image and looks at the signatures of files in it. Rejects with OpenSSL's words when one does not verify. */
export async function expectSignatures(reference: string, files: readonly FileOfImage[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kmm-signed-image-'))
  try {
    const root = join(folder, 'image')
    await exportImage(reference, root)
    for (const { path, certificate } of files) {
      const parts = splitSignature(await readFile(join(root, path)))
      if ((parts === undefined) !== (certificate === undefined)) {
        throw new Error(`${path} of ${reference} is ${parts === undefined ? 'not signed' : 'signed'}`)
      }
      if (parts === undefined || certificate === undefined) continue
      const at = (name: string) => join(folder, name)
      await writeFile(at('content'), parts.content)
      await writeFile(at('message'), parts.message)
      await writeFile(at('certificate'), certificate)
      const signed = ['-inform', 'DER', '-in', at('message'), '-content', at('content')]
      const by = ['-certfile', at('certificate'), '-nointern', '-noverify']
      execFileSync('openssl', ['cms', '-verify', '-binary', ...signed, ...by, '-out', at('out')], {
        stdio: 'pipe',
      })
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}
