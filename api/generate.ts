import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'
import { configTable } from './config/table.ts'
import { crdFileName, customResourceDefinition, resources } from './crds.ts'
import { kubernetesTypeNames } from './crdSchema.ts'
import { type SchemasByName, structuralSchema } from './openApiTypes.ts'
import { permissionsTable, roleTemplate } from './roles.ts'

const typesFile = join(import.meta.dirname, 'kubernetesTypes.json')
const chart = join(import.meta.dirname, '../deploy/chart')
const docs = join(import.meta.dirname, '../docs')

/** Files of the chart that are made from api/, by path, as they should be: the definitions and the operator's roles. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const types = JSON.parse(readFileSync(typesFile, 'utf8')) as { schemas: SchemasByName }
  return new Map([
    ...resources.map(
      (resource) =>
        [
          join(chart, 'files/crds', crdFileName(resource)),
          `# Made by \`npm run generate\` from the schemas in api/; do not edit.\n${stringify(
            customResourceDefinition(resource, types.schemas),
            { aliasDuplicateObjects: false, lineWidth: 110 },
          )}`,
        ] as const,
    ),
    [join(chart, 'templates/rbac/cluster_role.yaml'), roleTemplate('cluster')],
    [join(chart, 'templates/rbac/role.yaml'), roleTemplate('operatorNamespace')],
  ])
}

/** Pages with a table that is made from api/, by path, as they should be. */
export function generatedPages(): ReadonlyMap<string, string> {
  return new Map([
    withTable('configuration.md', 'keys', configTable()),
    withTable('security.md', 'permissions', permissionsTable()),
  ])
}

/** A page with its table between `<!-- NAME: ... -->` and `<!-- end of NAME -->`. */
function withTable(file: string, name: string, table: string): [path: string, text: string] {
  const path = join(docs, file)
  const place = new RegExp(`(<!-- ${name}: .*-->\n)[^]*(<!-- end of ${name} -->)`)
  const text = readFileSync(path, 'utf8').replace(
    place,
    (_all, begin: string, end: string) => `${begin}\n${table}\n\n${end}`,
  )
  return [path, text]
}

/** Takes the structural schemas of Kubernetes' own types that we use out of OpenAPI v3 documents of an API server. */
function extractKubernetesTypes(version: string, documents: readonly string[]): string {
  const all: SchemasByName = Object.assign(
    {},
    ...documents.map((file) => JSON.parse(readFileSync(file, 'utf8')).components.schemas as SchemasByName),
  )
  const names = new Set(resources.flatMap(({ spec, status }) => [spec, status].flatMap(kubernetesTypeNames)))
  const schemas = Object.fromEntries([...names].sort().map((name) => [name, structuralSchema(all, name)]))
  return `${JSON.stringify({ kubernetes: version, schemas }, undefined, 1)}\n`
}

/**
 * `npm run generate` writes these files of deploy/chart and the tables in docs/. To take over the types of another
 * Kubernetes version first:
 *
 *     kubectl get --raw /openapi/v3/api/v1 > core.json
 *     kubectl get --raw /openapi/v3/apis/resource.k8s.io/v1 > resource.json
 *     npm run generate -- --kubernetes v1.34.4 core.json resource.json && npm run format
 */
function main(): void {
  const { values, positionals } = parseArgs({
    options: { kubernetes: { type: 'string' } },
    allowPositionals: true,
  })
  if (values.kubernetes !== undefined) {
    writeFileSync(typesFile, extractKubernetesTypes(values.kubernetes, positionals))
  }
  for (const [file, text] of [...generatedFiles(), ...generatedPages()]) writeFileSync(file, text)
}

if (import.meta.main) main()
