import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packPlugin } from '../packPlugin.ts'

const root = join(import.meta.dirname, '../../..')
const run = promisify(execFile)

/**
 * Installs the plugin's npm package below `folder` as `npm install --global` does it, and resolves with the folder of
 * its programs. No registry is asked: what the package depends on is linked from the checkout, and only that, so that a
 * dependency that it does not name is missed. The Node that comes along with it is left out.
 */
export async function installPlugin(folder: string): Promise<string> {
  const archive = await packPlugin(folder)
  const { stdout } = await run('tar', ['-xzOf', archive, 'package/package.json'])
  const { dependencies } = JSON.parse(stdout) as { readonly dependencies: Readonly<Record<string, string>> }
  const linked = Object.keys(dependencies).map((name) => `file:${join(root, 'node_modules', name)}`)
  const prefix = join(folder, 'prefix')
  await mkdir(prefix)
  const offline = ['--offline', '--cache', join(folder, 'cache'), '--ignore-scripts', '--omit=optional']
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier']
  // npm must not find a package.json of ours above.
  const options = { cwd: folder }
  await run(
    'npm',
    ['install', '--global', '--prefix', prefix, ...offline, ...quiet, ...linked, archive],
    options,
  )
  return join(prefix, 'bin')
}
