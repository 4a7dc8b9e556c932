import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ImagesLock } from '../../api/imagesLock.ts'
import { projectRoot } from '../../lab/sources.ts'

/** Makes a git repository in a folder with as much of the project as a release reads, and this lock, committed at this time. */
export function testProject(folder: string, lock: ImagesLock, time: string): void {
  mkdirSync(folder)
  for (const path of ['package.json', 'package-lock.json', 'deploy'])
    cpSync(join(projectRoot, path), join(folder, path), { recursive: true })
  symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, '.gitignore'), 'node_modules\n')
  writeFileSync(join(folder, 'deploy/images.lock.json'), JSON.stringify(lock))
  const git = (...line: string[]) =>
    execFileSync('git', line, { cwd: folder, env: { ...process.env, GIT_COMMITTER_DATE: time } })
  git('init', '--quiet')
  git('add', '--all')
  git('-c', 'user.name=t', '-c', 'user.email=t@example.com', 'commit', '--quiet', '--message=all')
}
