import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { findBuilder } from './builders.ts'
import { release, ReleaseRefused } from './release.ts'
import { CommandFailed } from './run.ts'

const usage = `npm run release -- VERSION [flags]

--out DIR          the folder to make; dist/VERSION, or dist/VERSION-test with --allow-unlocked
--image-tar FILE   an image that was built elsewhere, as docker save writes it; once for each architecture
--no-build          build no image: those that are not given are left out
--url URL          where the files will be downloaded from, for the krew manifest
--allow-unlocked   allow images without a digest in deploy/images.lock.json: a release for tests
`
const options = {
  out: { type: 'string' },
  'image-tar': { type: 'string', multiple: true },
  'no-build': { type: 'boolean' },
  url: { type: 'string' },
  'allow-unlocked': { type: 'boolean' },
  help: { type: 'boolean' },
} as const

const project = join(import.meta.dirname, '..')
const { values, positionals } = parseArgs({ options, allowPositionals: true })
const [version, ...surplus] = positionals
if (values.help === true || version === undefined || surplus.length > 0) {
  process.stdout.write(usage)
  process.exitCode = values.help === true ? 0 : 2
} else {
  const allowUnlocked = values['allow-unlocked'] === true
  const report = (line: string) => void process.stderr.write(`${line}\n`)
  if (allowUnlocked)
    report('WARNING: images without a digest are allowed. This release is for tests, do not publish it.')
  try {
    await release({
      project,
      version,
      out: resolve(values.out ?? join(project, 'dist', allowUnlocked ? `${version}-test` : version)),
      allowUnlocked,
      imageTars: values['image-tar'] ?? [],
      builder: values['no-build'] === true ? undefined : await findBuilder(),
      helm: async () => await ensurePrograms(['helm']).path('helm'),
      url: values.url ?? '',
      report,
    })
  } catch (error) {
    if (error instanceof ReleaseRefused) report(`refused:\n${error.message}`)
    else if (error instanceof CommandFailed) report(error.message)
    else throw error
    process.exitCode = 1
  }
}
