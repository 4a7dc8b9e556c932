import type { Call } from '../call.ts'
import type { Command, Flag } from './command.ts'

/** Flags of every command, as kubectl has them; so is `-o`, below. */
const commonFlags: readonly Flag[] = [
  {
    name: 'namespace',
    short: 'n',
    value: 'NAMESPACE',
    help: "namespace of the Module; that of the kubeconfig's context without it",
    completes: 'namespaces',
  },
  { name: 'kubeconfig', value: 'FILE', help: 'kubeconfig file; KUBECONFIG or ~/.kube/config without it' },
  { name: 'context', value: 'NAME', help: 'context of the kubeconfig', completes: 'contexts' },
  { name: 'as', value: 'USER', help: 'user to act as, where you may impersonate' },
  { name: 'help', short: 'h', help: 'what the command does, and its flags' },
]

/** Where the operator's Lease and configuration are looked for. */
export const operatorNamespaceFlag: Flag = {
  name: 'operator-namespace',
  value: 'NAMESPACE',
  help: 'where the operator is installed; kmm-operator-system without it',
  completes: 'namespaces',
}

/** Flags of commands that read Temporal. */
export const temporalFlags: readonly Flag[] = [
  {
    name: 'temporal-address',
    value: 'HOST:PORT',
    help: "the Temporal service; TEMPORAL_ADDRESS without it, else as in the operator's configuration",
  },
  {
    name: 'temporal-namespace',
    value: 'NAME',
    help: 'its namespace; TEMPORAL_NAMESPACE without it, likewise',
  },
  operatorNamespaceFlag,
]

/** For commands about a build. */
export const kernelFlag: Flag = {
  name: 'kernel',
  value: 'K',
  help: 'kernel release, as uname -r says it',
  completes: 'kernels',
}

export const fileFlag: Flag = {
  name: 'filename',
  short: 'f',
  value: 'FILE',
  help: 'YAML or JSON with the Module, and ConfigMaps it names; - is the standard input',
}

export function operatorNamespace(call: Pick<Call, 'flag'>): string {
  return call.flag(operatorNamespaceFlag.name) ?? 'kmm-operator-system'
}

/** All flags that a command takes. */
export function flagsOf(command: Command): readonly Flag[] {
  const { flags, without = [] } = command
  return [...flags, outputFlag(command), ...commonFlags].filter(({ name }) => !without.includes(name))
}

function outputFlag({ wide }: Command): Flag {
  return {
    name: 'output',
    short: 'o',
    value: 'FORMAT',
    help: `json${wide === undefined ? ' or yaml' : `, yaml, or wide with ${wide}`}; for people without it`,
    choices: ['json', 'yaml', ...(wide === undefined ? [] : ['wide'])],
  }
}
