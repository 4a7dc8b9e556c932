import { shellWord } from '../../api/text/shellWord.ts'
import type { OperatorConfig } from '../../api/config.ts'
import type { SearchAttributes } from './searchAttributes.ts'

type Target = Pick<OperatorConfig['temporal'], 'address' | 'namespace'>

/** Is this HOST:PORT an endpoint of Temporal Cloud? It has its own way to manage namespaces. */
export function isTemporalCloud(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(':')).toLowerCase()
  return host.endsWith('.tmprl.cloud') || host.endsWith('.api.temporal.io')
}

/** The command with which an administrator of Temporal creates the namespace. */
export function createNamespaceCommand({ address, namespace }: Target): string {
  return `temporal operator namespace create --address ${shellWord(address)} --namespace ${shellWord(namespace)} --retention 30d`
}

/** The command with which an administrator of Temporal creates search attributes. */
export function createSearchAttributesCommand(
  { address, namespace }: Target,
  attributes: SearchAttributes,
): string {
  const all = Object.entries(attributes)
  if (isTemporalCloud(address)) {
    const flags = all.map(([name, type]) => `--search-attribute ${name}=${type}`)
    return `tcld namespace search-attributes add --namespace ${shellWord(namespace)} ${flags.join(' ')}`
  }
  const flags = all.map(([name, type]) => `--name ${name} --type ${type}`)
  return `temporal operator search-attribute create --address ${shellWord(address)} --namespace ${shellWord(namespace)} ${flags.join(' ')}`
}
