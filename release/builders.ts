import { existsSync } from 'node:fs'
import type { Architecture } from './lockImages.ts'
import { run } from './run.ts'

/** What an image is built with, besides the project. */
export interface ImageBuild {
  readonly project: string
  readonly architecture: Architecture
  /** Name and tag of the image. */
  readonly name: string
  readonly buildArgs: Readonly<Record<string, string>>
  /** The tar to write, as `docker save` does. */
  readonly file: string
}

/** A program that builds images. */
export interface Builder {
  readonly name: string
  /** Architectures that it can build for here: the machine's own, and those that it can run by emulation. */
  readonly architectures: readonly string[]
  build(image: ImageBuild): Promise<void>
}

type Command = readonly [string, ...string[]]

/** The first of docker buildx, podman and buildah that works; undefined where none does. */
export async function findBuilder(env: NodeJS.ProcessEnv = process.env): Promise<Builder | undefined> {
  const attempt = async (command: Command) => await run(command, { env }).catch(() => undefined)
  const inspected = await attempt(['docker', 'buildx', 'inspect', '--bootstrap'])
  if (inspected !== undefined)
    return builder('docker buildx', platformsOf(inspected), env, (image) => [
      ['docker', 'buildx', 'build', ...options(image), `--output=type=docker,dest=${image.file}`, '.'],
    ])
  if ((await attempt(['podman', 'version'])) !== undefined)
    return builder('podman', emulated(), env, (image) => [
      ['podman', 'build', ...options(image), '.'],
      ['podman', 'save', '--format=docker-archive', `--output=${image.file}`, image.name],
    ])
  if ((await attempt(['buildah', 'version'])) !== undefined)
    return builder('buildah', emulated(), env, (image) => [
      ['buildah', 'build', ...options(image), '.'],
      ['buildah', 'push', '--quiet', image.name, `docker-archive:${image.file}:${image.name}`],
    ])
  return undefined
}

function builder(
  name: string,
  architectures: readonly string[],
  env: NodeJS.ProcessEnv,
  commandsOf: (image: ImageBuild) => readonly Command[],
): Builder {
  const build = async (image: ImageBuild) => {
    for (const command of commandsOf(image)) await run(command, { cwd: image.project, env })
  }
  return { name, architectures, build }
}

function options({ architecture, name, buildArgs }: ImageBuild): readonly string[] {
  return [
    `--platform=linux/${architecture}`,
    '--file=deploy/Dockerfile',
    `--tag=${name}`,
    ...Object.entries(buildArgs).map(([key, value]) => `--build-arg=${key}=${value}`),
  ]
}

/** `linux/amd64*` of a line "Platforms: linux/amd64*, linux/arm64" is preferred; the mark is no part of its name. */
function platformsOf(inspected: string): readonly string[] {
  const [, list = ''] = /^Platforms:\s*(.*)$/mu.exec(inspected) ?? []
  return [...list.matchAll(/linux\/(\w+)/gu)].map(([, architecture = '']) => architecture)
}

/** What the kernel can run: by itself, or by an interpreter that is registered for the format. */
function emulated(): readonly string[] {
  const native = process.arch === 'x64' ? 'amd64' : process.arch
  const interpreters = { amd64: 'qemu-x86_64', arm64: 'qemu-aarch64' }
  const more = Object.entries(interpreters).flatMap(([architecture, interpreter]) =>
    existsSync(`/proc/sys/fs/binfmt_misc/${interpreter}`) ? [architecture] : [],
  )
  return [...new Set([native, ...more])]
}
