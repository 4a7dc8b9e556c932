import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensurePrograms } from '../lab/programs/ensure.ts'
import { createProgress } from '../lab/programs/progress.ts'

const chart = join(import.meta.dirname, 'chart')

/** Where `kubectl apply -k deploy/` has what is rendered from the chart. */
const kustomizeFolder = join(import.meta.dirname, 'kustomize')

/** The namespace of deploy/kustomize/namespace.yaml. */
const namespace = 'kmm-operator-system'

/** The Kubernetes that charts are rendered for. */
export const renderedFor = '1.34'

/** First line of a rendered file. */
const header = '# Made by `npm run generate` from deploy/chart; do not edit.\n'

/** Templates in a folder become a file of its name, the definitions a file of theirs, the rest is the operator. */
const fileOf = (template: string): string => {
  const [name = '', ...below] = template.split('/')
  if (below.length > 0) return `${name}.yaml`
  return name === 'crds.yaml' ? name : 'manager.yaml'
}

/** The embedded Temporal as a kustomization over deploy/: what it adds, and how it changes the operator. */
const embeddedFolder = join(import.meta.dirname, 'embedded-temporal')
const embeddedFileOf = (template: string): string | undefined => {
  if (template === 'deployment.yaml') return template
  return template.startsWith('temporal/') ? 'temporal.yaml' : undefined
}

/**
 * The files of deploy/kustomize and deploy/embedded-temporal, by path, as they should be: the chart with its default
 * values, and what the embedded Temporal makes of it. Throws what helm reports.
 */
export function renderedFiles(helm: string): ReadonlyMap<string, string> {
  // Only Helm obeys helm.sh/resource-policy.
  const values = ['--set', 'crds.keep=false']
  return new Map([
    ...render(helm, values, kustomizeFolder, fileOf),
    ...render(helm, [...values, '--set', 'temporal.embedded.enabled=true'], embeddedFolder, embeddedFileOf),
  ])
}

/** Renders the chart; `nameOf` gives the file of a template, undefined for what is left out. */
function render(
  helm: string,
  values: readonly string[],
  folder: string,
  nameOf: (template: string) => string | undefined,
): ReadonlyMap<string, string> {
  // Not the Kubernetes that this helm was built for, which may be older than the chart allows.
  const kubernetes = ['--kube-version', renderedFor]
  const text = execFileSync(
    helm,
    ['template', 'kmm-temporal', chart, '--namespace', namespace, ...kubernetes, ...values],
    { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  )
  const files = new Map<string, string>()
  for (const document of text.split(/^---\n/m)) {
    const [, template = '', object] = /^# Source: [^/]+\/templates\/(\S+)\n([^]*)$/.exec(document) ?? []
    const name = nameOf(template)
    if (template === '' || object === undefined || name === undefined) continue
    const path = join(folder, name)
    const before = files.get(path) ?? header
    files.set(path, `${before}---\n${object.trim()}\n`)
  }
  return files
}

/** Writes them; rendered files that nothing is rendered into any more are removed. */
async function main(): Promise<void> {
  const progress = createProgress()
  try {
    const files = renderedFiles(await ensurePrograms(['helm'], { progress }).path('helm'))
    for (const file of staleFiles(files)) rmSync(file)
    for (const [file, text] of files) writeFileSync(file, text)
  } finally {
    progress.close()
  }
}

/** Files that were rendered once and are not any more. */
export function staleFiles(rendered: ReadonlyMap<string, string>): string[] {
  return [kustomizeFolder, embeddedFolder]
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((file) => !rendered.has(file) && readFileSync(file, 'utf8').startsWith(header))
}

if (import.meta.main) await main()
