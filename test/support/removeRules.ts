import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AdmissionregistrationV1Api, ApiException, KubeConfig } from '@kubernetes/client-node'
import { parse, stringify } from 'yaml'
import { applyManifests } from '../../lab/applyManifests.ts'
import { definitionFiles } from '../../lab/operator.ts'

/**
 * Makes a cluster as it was before the rules: the definition of Modules knows types and required fields only, and no
 * policy refuses. Applying `definitionFiles()` brings the rules back. The API server needs a moment for either.
 */
export async function removeRules(kubeconfig: string): Promise<void> {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const admission = config.makeApiClient(AdmissionregistrationV1Api)
  try {
    await admission.deleteValidatingAdmissionPolicyBinding({ name: 'kmm-module' })
  } catch (error) {
    if (!(error instanceof ApiException) || error.code !== 404) throw error
  }
  const [definition = ''] = definitionFiles().filter((file) => file.endsWith('_modules.yaml'))
  const folder = mkdtempSync(join(tmpdir(), 'kmm-without-rules-'))
  try {
    const file = join(folder, 'modules.yaml')
    writeFileSync(file, stringify(unchecked(parse(readFileSync(definition, 'utf8')))))
    await applyManifests(kubeconfig, [file])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A definition without rules and limits, whose only other leniency is the one of KMM: no files to sign. */
function unchecked(value: unknown): unknown {
  if (value === 'filesToSign') return 'keySecret'
  if (Array.isArray(value)) return [...new Set(value.map(unchecked))]
  if (typeof value !== 'object' || value === null) return value
  const checks = ['x-kubernetes-validations', 'maxLength', 'minLength', 'maxItems', 'minItems']
  const kept = Object.entries(value).filter(([key]) => !checks.includes(key))
  return Object.fromEntries(kept.map(([key, item]) => [key, unchecked(item)]))
}
