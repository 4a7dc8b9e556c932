import { readFile } from 'node:fs/promises'
import { runOrThrow } from '../programs/exec.ts'

/** What this machine's own apt configuration says about Debian: the base images are made from the same places. */
export interface DebianSources {
  /** Release name, such as bookworm. */
  readonly codename: string
  /** Architecture in Debian's words, such as amd64. */
  readonly architecture: string
  /** Address of the archive that holds the release itself. */
  readonly mirror: string
  /** Environment for programs that fetch by themselves: the machine's, with apt's proxies added. */
  readonly env: NodeJS.ProcessEnv
}

/** Parses the output of `apt-get indextargets` in the form "address release component" per line. */
export const findMirror = (targets: string, codename: string): string | undefined =>
  targets
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find(
      ([address, release, component]) =>
        address !== undefined && release === codename && component === 'main',
    )?.[0]

const aptSetting = async (name: string): Promise<string | undefined> => {
  const answer = await runOrThrow(['apt-config', 'shell', 'VALUE', name])
  const value = /^VALUE='(.*)'$/m.exec(answer)?.[1]
  return value === undefined || value === '' || value === 'DIRECT' ? undefined : value
}

/** Release name of this machine's Debian. Throws on other systems. */
export const debianCodename = async (): Promise<string> => {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(release)?.[1]
  const codename = field('VERSION_CODENAME')
  if (field('ID') !== 'debian' || codename === undefined)
    throw new Error(
      'the base images of the lab are made with debootstrap from Debian packages: run the lab on Debian',
    )
  return codename
}

/** Reads the machine's Debian sources. Throws when this is not Debian or no archive of its release is configured. */
export const debianSources = async (): Promise<DebianSources> => {
  const codename = await debianCodename()
  const targets = await runOrThrow([
    'apt-get',
    'indextargets',
    'Created-By: Packages',
    '--format',
    '$(REPO_URI) $(CODENAME) $(COMPONENT)',
  ])
  const mirror = findMirror(targets, codename)
  if (mirror === undefined)
    throw new Error(
      `apt has no source for ${codename} main: add one to /etc/apt/sources.list.d and run apt-get update`,
    )
  const [http, https] = await Promise.all([
    aptSetting('Acquire::http::Proxy'),
    aptSetting('Acquire::https::Proxy'),
  ])
  return {
    codename,
    architecture: (await runOrThrow(['dpkg', '--print-architecture'])).trim(),
    mirror,
    env: {
      ...process.env,
      LC_ALL: 'C',
      DEBIAN_FRONTEND: 'noninteractive',
      ...(http === undefined ? {} : { http_proxy: http }),
      ...(https === undefined ? {} : { https_proxy: https }),
    },
  }
}
