import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseDockerfile } from './dockerfile.ts'
import { copiedFiles, dockerfile } from './operatorImageCache.ts'
import { projectRoot } from './sources.ts'

const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8')

describe('parseDockerfile', () => {
  test('reads what is copied from the context, and the defaults of build arguments', () => {
    const text = `# COPY comment ./
ARG BASE=a:1
FROM \${BASE} AS build
ARG REGISTRY
COPY package.json \\
  deploy/prune.sh ./
RUN echo COPY this ./
COPY api ./api
FROM \${BASE}
COPY --from=build /app /app
ARG BASE
`
    expect(parseDockerfile(text)).toEqual({
      copied: ['package.json', 'deploy/prune.sh', 'api'],
      defaults: { BASE: 'a:1' },
    })
  })

  test.each(['COPY --chown=1:1 api ./', 'COPY ["api", "./"]', 'COPY api/*.ts ./', 'COPY $DIR ./'])(
    'refuses what it cannot compare: %s',
    (line) => {
      expect(() => parseDockerfile(`${line}\n`)).toThrow('is more than a plain path')
    },
  )
})

describe('deploy/Dockerfile', () => {
  const { copied, defaults } = parseDockerfile(read(dockerfile))

  test('names no package registry', () => {
    expect(defaults).not.toHaveProperty('NPM_CONFIG_REGISTRY')
  })

  test('its labels are those of package.json', () => {
    const { name, description, license } = JSON.parse(read('package.json')) as Record<string, string>
    const label = (key: string, value?: string) =>
      expect(read(dockerfile)).toContain(`org.opencontainers.image.${key}="${value}"`)
    label('title', name)
    label('description', description)
    label('licenses', license)
  })

  test('.dockerignore lets through what it copies, and nothing else', async () => {
    const ignored = ignoreRules(read('.dockerignore'))
    expect(copied.filter(ignored)).toEqual([])
    const sent = projectFiles().filter((path) => !ignored(path))
    expect(sent.toSorted()).toEqual(await copiedFiles())
    for (const path of ['node_modules/zod/package.json', '.git/config', '.lab/state.json', 'deploy/chart/a'])
      expect(ignored(path)).toBe(true)
  })
})

function projectFiles(): string[] {
  const elsewhere = ['node_modules', '.git', '.lab', 'dist']
  return readdirSync(projectRoot, { withFileTypes: true })
    .filter(({ name }) => !elsewhere.includes(name))
    .flatMap((entry) =>
      entry.isDirectory()
        ? readdirSync(join(projectRoot, entry.name), { recursive: true, withFileTypes: true })
        : [entry],
    )
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(projectRoot, join(parentPath, name)))
}

/**
 * Rules of an ignore file as Docker has them: a rule counts for a path and for everything below it, and the last rule
 * that matches decides. Knows `*`, a leading double asterisk, character classes and `!`.
 */
function ignoreRules(text: string): (path: string) => boolean {
  const rules = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const pattern = line
        .replace(/^!/u, '')
        .replaceAll('.', String.raw`\.`)
        .replaceAll(/(?<!\*)\*(?!\*)/gu, '[^/]*')
        .replace(/^\*\*\//u, '(?:.*/)?')
      return { ignore: !line.startsWith('!'), pattern: new RegExp(`^${pattern}(?:/.*)?$`, 'u') }
    })
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.ignore ?? false
}
