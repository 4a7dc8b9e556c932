import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Agent } from 'undici'
import type { WriteBody } from '../../activities/kube/kube.ts'
import { openAuthority } from '../../lab/certificates.ts'
import { writeRegistryAccess } from '../../lab/node/nodeFiles.ts'
import { freePorts } from '../../lab/ports.ts'
import { ensurePrograms } from '../../lab/programs/ensure.ts'
import { registryLogin, startRegistry, type TokenAuth } from '../../lab/registry.ts'
import type { TestFolder } from '../../lab/testFolder.ts'
import { selfSigned } from '../../worker/selfSigned.ts'
import type { TestLab } from './testLab.ts'

/** What a registry of a test's own asks of its clients. */
export interface RegistryTraits {
  /** Of its process, its log and its folder. */
  readonly name: string
  /** It asks for `registryLogin`, also for pushing. */
  readonly login?: boolean
  /** It asks for tokens of this server. */
  readonly token?: TokenAuth
  /** It speaks HTTPS with a certificate of an authority that nobody knows, or of its own; else plain HTTP. */
  readonly tls?: boolean | 'selfSigned'
}

/** A real docker-registry, up until the test file ends. */
export interface PrivateRegistry {
  /** HOST:PORT, as in image references. */
  readonly host: string
  /** With the scheme it speaks. */
  readonly url: string
  /** PEM file of the authority behind its certificate. */
  readonly authorityFile?: string
  /** `Basic ...` of its account. */
  readonly authorization?: string
  /** For requests of the test itself. */
  readonly dispatcher?: Agent
}

/** Starts a registry on one of the machine's addresses. */
export async function startPrivateRegistry(
  { dir, supervisor }: TestFolder,
  address: string,
  { name, login = false, token, tls = false }: RegistryTraits,
): Promise<PrivateRegistry> {
  const [port = 0] = await freePorts(1)
  const programs = ensurePrograms(['docker-registry'])
  const authority = tls === true ? await openAuthority(join(dir, 'registry-authority')) : undefined
  const certificate =
    tls === 'selfSigned'
      ? ownCertificate(join(dir, `${name}-certificate`))
      : await authority?.issue({ name: 'registry', commonName: 'registry', hosts: [address] })
  const { host } = await startRegistry({
    dir: join(dir, name),
    name,
    supervisor,
    programs,
    address,
    port,
    login,
    ...(token === undefined ? {} : { token }),
    ...(certificate === undefined ? {} : { tls: certificate }),
  })
  return {
    host,
    url: `${tls === false ? 'http' : 'https'}://${host}`,
    ...(tls === 'selfSigned' ? { dispatcher: new Agent({ connect: { rejectUnauthorized: false } }) } : {}),
    ...(authority === undefined
      ? {}
      : {
          authorityFile: authority.certFile,
          dispatcher: new Agent({ connect: { ca: readFileSync(authority.certFile, 'utf8') } }),
        }),
    ...(login ? { authorization: basic(registryLogin) } : {}),
  }
}

function ownCertificate(folder: string): { readonly certFile: string; readonly keyFile: string } {
  mkdirSync(folder, { recursive: true })
  const { cert, key } = selfSigned('registry')
  const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') }
  writeFileSync(files.certFile, cert)
  writeFileSync(files.keyFile, key, { mode: 0o600 })
  return files
}

/**
 * Starts a registry that the lab's nodes and pods reach. Its nodes trust it (not the operator, nor kaniko in a build
 * pod), and pull from it with the Secret of `registrySecret` only, unless `nodeLogin`: then the build node has a login
 * of its own.
 */
export async function startRegistryInLab(
  lab: TestLab,
  traits: RegistryTraits & { readonly nodeLogin?: boolean },
): Promise<PrivateRegistry> {
  const registry = await startPrivateRegistry(lab.folder, lab.state.address, traits)
  const { load } = lab.state.nodes
  if (load === null) throw new Error('the lab has no virtual machine: start it with --vm')
  const { host, authorityFile, authorization } = registry
  const access = authorityFile === undefined ? {} : { authority: readFileSync(authorityFile, 'utf8') }
  const login = traits.nodeLogin === true && authorization !== undefined ? { authorization } : {}
  writeRegistryAccess(join(dirname(load.dir), 'build-node', 'state'), host, { ...access, ...login })
  await lab.vm.trustRegistry(host, access)
  return registry
}

/** The Secret of `imageRepoSecret` and pull secrets, as `kubectl create secret docker-registry` makes it. */
export function registrySecret(
  namespace: string,
  name: string,
  host: string,
  login: { readonly username: string; readonly password: string } = registryLogin,
): WriteBody {
  const auth = basic(login).slice('Basic '.length)
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name },
    type: 'kubernetes.io/dockerconfigjson',
    stringData: { '.dockerconfigjson': JSON.stringify({ auths: { [host]: { ...login, auth } } }) },
  }
}

function basic({ username, password }: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}
