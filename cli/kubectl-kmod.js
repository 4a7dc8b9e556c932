#!/usr/bin/env node
// The plugin's entry. Node does not run TypeScript below node_modules, where npm puts this package: there the types are
// taken off here. A Node that is too old gives way to the one that comes along with this package.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import * as modules from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const oldest = 24

/** Node as npm installs it beside this package, when it does. */
function ownNode() {
  try {
    const require = modules.createRequire(import.meta.url)
    return require.resolve(`node-${process.platform}-${process.arch}/bin/node`)
  } catch {
    return undefined
  }
}

if (Number.parseInt(process.versions.node, 10) < oldest) {
  const node = ownNode()
  if (node === undefined) {
    process.stderr.write(`kubectl-kmod needs Node ${oldest} or newer; this is v${process.versions.node}\n`)
    process.exit(1)
  }
  // Ctrl-C is for the other one, which is waited for.
  process.on('SIGINT', () => undefined)
  const { status } = spawnSync(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  })
  process.exit(status ?? 1)
}

// What Node itself warns of is not for users.
process.removeAllListeners('warning')
// Not in the shared temporary folder, which is the default: others could lay code down there.
modules.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'kubectl-kmod'))
const folder = new URL('../', import.meta.url).href
if (folder.includes('/node_modules/')) {
  modules.registerHooks({
    load(url, context, next) {
      const ours = url.startsWith(folder) && !url.slice(folder.length).startsWith('node_modules/')
      if (!ours || !url.endsWith('.ts')) return next(url, context)
      const source = modules.stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'))
      return { format: 'module', source, shortCircuit: true }
    },
  })
}
await import('./main.ts')
