import { createHash } from 'node:crypto'
import { chmod, copyFile, cp, mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { createRequire } from 'node:module'
import { pipeline } from 'node:stream/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { unpackPackages } from '../programs/debian.ts'
import { runOrThrow } from '../programs/exec.ts'
import { targetKernelPackages, type CacheOptions } from './kernels.ts'
import { ensureRootfs } from './rootfs.ts'

/** Programs the images are made with; each is awaited only when an image has to be made. */
export interface ImageTools {
  readonly debootstrap: () => Promise<string>
  readonly busybox: () => Promise<string>
}

/** npm of the node base image: the tarball's integrity is pinned. */
const npm = {
  version: '11.19.1',
  integrity:
    'sha512-ztsxKxt/kkIaAs+2i0GU6I+DRmUdrNasxTZKJe9TCdSjKxlhah/4r/hl5ygMD6XAg1qZ9c2TNomR4qgOydp10g==',
}

const hashOf = async (file: string): Promise<string> => {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

const localAuthorities = '/usr/local/share/ca-certificates'

/** The certificate authorities the machine's owner added; builds in the lab must trust them too. */
const authorities = async (): Promise<readonly string[]> => {
  const names = await readdir(localAuthorities).catch(() => [])
  return names.filter((name) => name.endsWith('.crt')).map((name) => join(localAuthorities, name))
}

const trustAuthorities = async (tree: string): Promise<void> => {
  const files = await authorities()
  if (files.length === 0) return
  await mkdir(join(tree, localAuthorities), { recursive: true })
  for (const file of files) await copyFile(file, join(tree, file))
  await runOrThrow(['chroot', tree, 'update-ca-certificates'])
}

/**
 * What no module build in the lab reads. kaniko looks at every file of the image after every instruction, so these are
 * two thirds of a build's time: link-time optimisation, sanitizers, other architectures, and kbuild's empty markers of
 * configuration options.
 */
const unreadByModuleBuilds = [
  'find /usr/src/linux-headers-*-common/arch -mindepth 1 -maxdepth 1 -type d ! -name x86 -exec rm -r {} +',
  'find /usr/src/linux-headers-*/include/config -type f -empty -delete',
  'find /usr/lib /usr/bin -name lto1 -delete -o -name "*lto-dump*" -delete -o -name "lib?san.*" -delete -o -name "libubsan.*" -delete',
  'rm -r /usr/share/zoneinfo /usr/share/bash-completion /usr/lib/x86_64-linux-gnu/gconv',
] as const

/**
 * The tar of the image in which kernel modules are built: Debian with gcc, make, kmod and the headers of both target
 * kernels. Header packages come through the machine's own apt, so that they have the target kernels' versions.
 */
export const buildBase = async (tools: ImageTools, options: CacheOptions = {}): Promise<string> => {
  const kernels = await targetKernelPackages(options)
  const headers = kernels.flatMap((kernel) => kernel.headers)
  return ensureRootfs(
    {
      name: 'build-base',
      key: [...headers, ...(await Promise.all((await authorities()).map(hashOf))), ...unreadByModuleBuilds],
      base: {
        kind: 'debootstrap',
        packages: ['gcc', 'make', 'kmod', 'libelf1', 'libssl3', 'ca-certificates'],
      },
      finish: async (tree, scratch) => {
        await trustAuthorities(tree)
        // kbuild and the compiler package are shared by all kernels of a series: the newest serves both.
        const shared = await sharedPackages(kernels[0].headers)
        const archives = join(tree, 'headers')
        await unpackPackages([...headers, ...shared], scratch, join(scratch, 'unused'), options.signal)
        await cp(join(scratch, 'archives'), archives, { recursive: true })
        const files = (await readdir(archives)).map((name) => `/headers/${name}`)
        await runOrThrow(['chroot', tree, 'dpkg', '--install', ...files], {
          env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
        })
        await runOrThrow(['rm', '-r', archives])
        for (const command of unreadByModuleBuilds) await runOrThrow(['chroot', tree, 'sh', '-c', command])
      },
    },
    tools.debootstrap,
    options,
  )
}

/** The packages linux-headers needs beside the common headers: kbuild and the compiler package, by name. */
const sharedPackages = async (headers: readonly string[]): Promise<readonly string[]> => {
  const [package_ = ''] = headers
  const answer = await runOrThrow(['apt-cache', 'depends', package_])
  return [...answer.matchAll(/Depends: (linux-(?:kbuild|compiler)-\S+)/g)].map((match) => match[1] ?? '')
}

const packed = z.tuple([z.object({ filename: z.string(), integrity: z.string() })])

/** Puts npm into `tree` as Node's own distribution has it. Throws when the registry's tarball is not the pinned one. */
const addNpm = async (tree: string, scratch: string, signal?: AbortSignal): Promise<void> => {
  const script = process.env['npm_execpath']
  const command: [string, ...string[]] =
    script !== undefined && script.endsWith('.js') ? [process.execPath, script] : ['npm']
  const answer = await runOrThrow(
    [...command, 'pack', `npm@${npm.version}`, '--json', '--silent', '--pack-destination', scratch],
    {
      cwd: scratch,
      ...(signal === undefined ? {} : { signal }),
    },
  )
  const [{ filename, integrity }] = packed.parse(JSON.parse(answer))
  if (integrity !== npm.integrity)
    throw new Error(`npm ${npm.version} from the registry is ${integrity}: refused`)
  const folder = join(tree, 'usr/local/lib/node_modules/npm')
  await mkdir(folder, { recursive: true })
  await runOrThrow([
    'tar',
    '-xzf',
    join(scratch, filename),
    '-C',
    folder,
    '--strip-components=1',
    '--no-same-owner',
  ])
  for (const name of ['npm', 'npx'])
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(tree, 'usr/local/bin', name))
}

const platformPackage = z.object({ version: z.string() })

/** Node of the npm platform package in the lock file: a plain glibc binary. Throws when it is not installed. */
const lockedNode = async (): Promise<{ readonly binary: string; readonly version: string }> => {
  const name = `node-linux-${process.arch}`
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
  const { version } = platformPackage.parse(JSON.parse(await readFile(manifest, 'utf8')))
  return { binary: join(manifest, '../bin/node'), version }
}

/** What Debian and npm bring along that no container reads: time zones, texts, tables, gyp. */
const unread = [
  'usr/share/zoneinfo',
  'usr/share/info',
  'usr/share/lintian',
  'usr/share/bash-completion',
  'usr/share/i18n',
  'usr/lib/x86_64-linux-gnu/gconv',
  'usr/local/lib/node_modules/npm/docs',
  'usr/local/lib/node_modules/npm/man',
  'usr/local/lib/node_modules/npm/node_modules/node-gyp/gyp',
]

/**
 * The tar of the lab's stand-in for the public Node image: Debian with CA certificates, kmod, npm, and the lock file's
 * Node as /usr/local/bin/node.
 */
export const nodeBase = async (tools: ImageTools, options: CacheOptions = {}): Promise<string> => {
  const node = await lockedNode()
  return ensureRootfs(
    {
      name: 'node-base',
      key: [node.version, npm.version, ...unread, ...(await Promise.all((await authorities()).map(hashOf)))],
      base: { kind: 'debootstrap', packages: ['ca-certificates', 'kmod', 'libstdc++6'] },
      finish: async (tree, scratch) => {
        await trustAuthorities(tree)
        const target = join(tree, 'usr/local/bin/node')
        await copyFile(node.binary, target)
        await chmod(target, 0o755)
        await addNpm(tree, scratch, options.signal)
        await Promise.all(unread.map((path) => rm(join(tree, path), { recursive: true, force: true })))
      },
    },
    tools.debootstrap,
    options,
  )
}

const ELF_PROGRAM_INTERPRETER = 3

/** True when an ELF file (64 bit, little endian) needs no dynamic loader. */
export const isStatic = (content: Buffer): boolean => {
  const table = Number(content.readBigUInt64LE(32))
  const size = content.readUInt16LE(54)
  const count = content.readUInt16LE(56)
  return !Array.from({ length: count }, (_, index) => content.readUInt32LE(table + index * size)).includes(
    ELF_PROGRAM_INTERPRETER,
  )
}

/** Command of the pause image: waits until it is told to end. */
export const pauseCommand = [
  '/bin/busybox',
  'sh',
  '-c',
  'trap "exit 0" TERM INT; /bin/busybox sleep infinity & wait',
] as const

/** The tar of the image that holds a pod's namespaces: a static busybox and nothing else. */
export const pauseImage = async (tools: ImageTools, options: CacheOptions = {}): Promise<string> => {
  const busybox = await tools.busybox()
  const content = await readFile(busybox)
  if (!isStatic(content))
    throw new Error(`${busybox} is not statically linked: install busybox-static or set KMM_LAB_BUSYBOX`)
  return ensureRootfs(
    {
      name: 'pause',
      key: [createHash('sha256').update(content).digest('hex')],
      base: { kind: 'none' },
      finish: async (tree) => {
        await mkdir(join(tree, 'bin'), { recursive: true })
        await copyFile(busybox, join(tree, 'bin/busybox'))
        await chmod(join(tree, 'bin/busybox'), 0o755)
      },
    },
    tools.debootstrap,
    options,
  )
}
