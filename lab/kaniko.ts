import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ImageConfig } from './images/pushImage.ts'
import type { CacheOptions } from './images/kernels.ts'
import { ensureRootfs } from './images/rootfs.ts'
import type { ProgramPaths } from './programPaths.ts'

/** Name and tag of the kaniko image in the lab's registry. */
export const kanikoImageName = 'kaniko-project/executor:v1.24.0'

/** Configuration of the kaniko image: kaniko's own. */
export const kanikoConfig: ImageConfig = {
  entrypoint: ['/kaniko/executor'],
  env: {
    HOME: '/root',
    USER: 'root',
    PATH: '/usr/local/bin:/kaniko',
    SSL_CERT_DIR: '/kaniko/ssl/certs',
    DOCKER_CONFIG: '/kaniko/.docker/',
  },
  workdir: '/workspace',
}

const authorities = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
]

/** The tar of an image laid out like kaniko's own: the executor and the machine's certificate authorities. */
export async function kanikoImage(programs: ProgramPaths, options: CacheOptions = {}): Promise<string> {
  const bundle = authorities.find((file) => existsSync(file))
  const files = new Map([
    ['kaniko/executor', await programs.path('kaniko-executor')],
    ...(bundle === undefined ? [] : [['kaniko/ssl/certs/ca-certificates.crt', bundle] as const]),
  ])
  const hash = createHash('sha256')
  for (const file of files.values()) hash.update(await readFile(file))
  return await ensureRootfs(
    {
      name: 'kaniko',
      key: [hash.digest('hex')],
      base: { kind: 'none' },
      finish: async (tree) => {
        for (const folder of ['kaniko/.docker', 'workspace'])
          await mkdir(join(tree, folder), { recursive: true })
        for (const [path, file] of files) {
          await mkdir(dirname(join(tree, path)), { recursive: true })
          await copyFile(file, join(tree, path))
        }
      },
    },
    () => programs.path('debootstrap'),
    options,
  )
}
