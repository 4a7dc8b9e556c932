import { z } from 'zod'

/** Where a sign pod has things. Key and certificate stand where KMM puts them (images:SGN-3). */
export const signPaths = {
  /** The command, from the pod's annotation through the downward API. */
  command: '/etc/kmm-signer/command.json',
  /** Where an init container copies `folder` of the image to. */
  tree: '/kmm/image',
  key: '/run/secrets/key/key.pem',
  certificate: '/run/secrets/cert/cert.pem',
  /** What the executor builds the signed image from: its Dockerfile and the signed files. */
  context: '/workspace',
} as const

/** What the signer does in its one run. */
export const signCommandSchema = z.object({
  /** The image, by digest, whose files are signed. */
  source: z.string().min(1),
  /** The folder of the image of which there is a copy. */
  folder: z.string().startsWith('/'),
  /** Absolute paths in the image, below `folder`; `*`, `?` and `[ ]` as in a shell. */
  files: z.array(z.string().startsWith('/')).min(1),
})
export type SignCommand = z.infer<typeof signCommandSchema>

/** Why files are not signed, as the signer says it when it ends. */
export const signFailureSchema = z.object({
  reason: z.enum([
    'SignKeyInvalid',
    'SignCertInvalid',
    'SignKeyMismatch',
    'FilesToSignMissing',
    'FileNotSignable',
    'SignFailed',
  ]),
  message: z.string(),
})
export type SignFailure = z.infer<typeof signFailureSchema>

/**
 * The deepest folder that holds all files to be signed, so that no more of the image is copied; the root is none.
 * A pattern counts as far as it is no pattern.
 */
export function signedFolder(files: readonly string[]): string | undefined {
  const folders = files.map((file) => {
    const parts = file.split('/').slice(1, -1)
    const pattern = parts.findIndex((part) => /[*?[]/.test(part))
    return pattern === -1 ? parts : parts.slice(0, pattern)
  })
  const [first = []] = folders
  const shared = first.findIndex((part, at) => folders.some((folder) => folder[at] !== part))
  const folder = `/${(shared === -1 ? first : first.slice(0, shared)).join('/')}`
  return files.length === 0 || folder === '/' ? undefined : folder
}
