import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** Writes an image of these layers (files by path) as `docker save` does. */
export function writeImageTar(
  file: string,
  image: {
    readonly architecture: string
    readonly layers: readonly Readonly<Record<string, string>>[]
    readonly env?: readonly string[]
    readonly labels?: Readonly<Record<string, string>>
  },
): void {
  const folder = mkdtempSync(join(tmpdir(), 'kmm-write-image-'))
  try {
    const Layers = image.layers.map((files, index) => {
      const root = join(folder, `root${index}`)
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true })
        writeFileSync(join(root, path), text)
      }
      // Builders write layers compressed or not, with and without a leading "./".
      const line =
        index % 2 === 0 ? ['-czf', `${index}.tar`, '-C', root, '.'] : ['-cf', `${index}.tar`, '-C', root]
      execFileSync('tar', [...line, ...(index % 2 === 0 ? [] : Object.keys(files))], { cwd: folder })
      return `${index}.tar`
    })
    const config = { Env: image.env ?? [], Labels: image.labels ?? {} }
    const write = (name: string, value: object) => writeFileSync(join(folder, name), JSON.stringify(value))
    write('config.json', { architecture: image.architecture, os: 'linux', config })
    write('manifest.json', [{ Config: 'config.json', RepoTags: [], Layers }])
    execFileSync('tar', ['-cf', file, '-C', folder, 'manifest.json', 'config.json', ...Layers])
  } finally {
    rmSync(folder, { recursive: true })
  }
}
