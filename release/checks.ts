import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { lockFile, readLock, unlocked } from './imagesLock.ts'
import { run } from './run.ts'

/** The pattern of semver.org, without build metadata, which is no part of an image's tag. */
const semver =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?$/u

/** Why this project cannot be released as this version, one sentence each; none when it can. */
export async function refusals(
  project: string,
  version: string,
  options: { readonly allowUnlocked: boolean },
): Promise<readonly string[]> {
  const found: string[] = []
  if (!semver.test(version)) found.push(`"${version}" is not a version such as 1.2.3 or 1.2.3-rc.1`)
  const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as unknown
  const own = z.object({ version: z.string() }).parse(manifest).version
  if (own !== version)
    found.push(
      `package.json has version ${own}: run "npm version --no-git-tag-version ${version}" and commit it`,
    )
  const changes = (await run(['git', 'status', '--porcelain'], { cwd: project })).trimEnd()
  if (changes !== '') found.push(`the git tree is not clean, commit or remove:\n${changes}`)
  if (!options.allowUnlocked)
    for (const { reference } of unlocked(await readLock(project)))
      found.push(`${lockFile} has no digest of ${reference}: run "npm run lock-images" and commit it`)
  return found
}
