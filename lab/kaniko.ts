import { existsSync } from 'node:fs'
import { pushImage } from './pushImage.ts'
import type { ProgramPaths } from './programPaths.ts'

/** Name and tag of the kaniko image in the lab's registry. */
export const kanikoImageName = 'kaniko-project/executor:v1.24.0'

const authorities = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
]

/**
 * Makes an image laid out like kaniko's own from the executor and pushes it to the lab's registry, unless it is
 * there. Returns its reference.
 */
export async function pushKaniko(programs: ProgramPaths, registry: string): Promise<string> {
  const reference = `${registry}/${kanikoImageName}`
  const bundle = authorities.find((file) => existsSync(file))
  await pushImage(programs, {
    reference,
    files: {
      '/kaniko/executor': await programs.path('kaniko-executor'),
      ...(bundle === undefined ? {} : { '/kaniko/ssl/certs/ca-certificates.crt': bundle }),
    },
    folders: ['/kaniko/.docker', '/workspace'],
    entrypoint: ['/kaniko/executor'],
    env: {
      HOME: '/root',
      USER: 'root',
      PATH: '/usr/local/bin:/kaniko',
      SSL_CERT_DIR: '/kaniko/ssl/certs',
      DOCKER_CONFIG: '/kaniko/.docker/',
    },
    workingDirectory: '/workspace',
  })
  return reference
}
