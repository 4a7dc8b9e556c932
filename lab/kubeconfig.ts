import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { stringify } from 'yaml'

/** Who speaks: a bearer token, or a client certificate by its files. */
export type KubeCredentials =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'certificate'; readonly certFile: string; readonly keyFile: string }

/** Text of a kubeconfig that holds everything it needs, so that it can be copied to another machine. */
export function kubeconfigText(cluster: {
  readonly server: string
  readonly caFile: string
  readonly credentials: KubeCredentials
}): string {
  const { server, caFile, credentials } = cluster
  const base64 = (file: string) => readFileSync(file).toString('base64')
  const user =
    credentials.kind === 'token'
      ? { token: credentials.token }
      : {
          'client-certificate-data': base64(credentials.certFile),
          'client-key-data': base64(credentials.keyFile),
        }
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'kmm-lab', cluster: { server, 'certificate-authority-data': base64(caFile) } }],
    users: [{ name: 'kmm-lab', user }],
    contexts: [{ name: 'kmm-lab', context: { cluster: 'kmm-lab', user: 'kmm-lab' } }],
    'current-context': 'kmm-lab',
  })
}

/** Writes a file that only its owner reads, whole or not at all. */
export function writePrivately(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
