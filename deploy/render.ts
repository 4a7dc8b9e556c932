import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { createProgress } from '../lab/programs/progress.ts'

const chart = join(import.meta.dirname, 'chart')

/** Where `kubectl apply -k deploy/` has what is rendered from the chart. */
export const kustomizeFolder = join(import.meta.dirname, 'kustomize')

/** The namespace of deploy/namespace.yaml. */
const namespace = 'kmm-operator-system'

/** The Kubernetes that charts are rendered for. */
export const renderedFor = '1.34'

/** Templates in a folder become a file of its name, the definitions a file of theirs, the rest is the operator. */
const fileOf = (template: string): string => {
  const [name = '', ...below] = template.split('/')
  if (below.length > 0) return `${name}.yaml`
  return name === 'crds.yaml' ? name : 'manager.yaml'
}

/**
 * The files of deploy/kustomize, by path, as they should be: the chart with its default values. Throws what helm
 * reports.
 */
export function renderedFiles(helm: string): ReadonlyMap<string, string> {
  // Not the Kubernetes that this helm was built for, which may be older than the chart allows.
  const kubernetes = ['--kube-version', renderedFor]
  // Only Helm obeys helm.sh/resource-policy.
  const values = ['--set', 'crds.keep=false']
  const text = execFileSync(
    helm,
    ['template', 'kmm-temporal', chart, '--namespace', namespace, ...kubernetes, ...values],
    { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  )
  const files = new Map<string, string>()
  for (const document of text.split(/^---\n/m)) {
    const [, template, object] = /^# Source: [^/]+\/templates\/(\S+)\n([^]*)$/.exec(document) ?? []
    if (template === undefined || object === undefined) continue
    const path = join(kustomizeFolder, fileOf(template))
    const before = files.get(path) ?? '# Made by `npm run generate` from deploy/chart; do not edit.\n'
    files.set(path, `${before}---\n${object.trim()}\n`)
  }
  return files
}

/** Writes deploy/kustomize; files that nothing is rendered into any more are removed. */
async function main(): Promise<void> {
  const progress = createProgress()
  try {
    const files = renderedFiles(await ensurePrograms(['helm'], { progress }).path('helm'))
    mkdirSync(kustomizeFolder, { recursive: true })
    for (const name of readdirSync(kustomizeFolder)) rmSync(join(kustomizeFolder, name))
    for (const [file, text] of files) writeFileSync(file, text)
  } finally {
    progress.close()
  }
}

if (import.meta.main) await main()
