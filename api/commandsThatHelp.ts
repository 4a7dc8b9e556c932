import { annotations, type ModuleRef } from './names.ts'

/** Commands that help a person, for the plugin and the pages of runs; all of them can be pasted. */
export const help = {
  edit: ({ namespace, name }: ModuleRef) => `kubectl -n ${namespace} edit module ${name}`,
  retry: ({ namespace, name }: ModuleRef, kernel: string) =>
    `kubectl kmod retry ${name} -n ${namespace} --kernel '${kernel}'`,
  logs: ({ namespace, name }: ModuleRef, kernel: string) =>
    `kubectl kmod logs ${name} -n ${namespace} --kernel '${kernel}'`,
  describePod: (namespace: string, pod: string) => `kubectl -n ${namespace} describe pod ${pod}`,
  giveUp: ({ namespace, name }: ModuleRef) =>
    `kubectl -n ${namespace} annotate module ${name} ${annotations.forceFinalize}='why'`,
  allowPods: (namespace: string) =>
    `kubectl label --overwrite namespace ${namespace} pod-security.kubernetes.io/enforce=privileged`,
  quotas: (namespace: string) => `kubectl -n ${namespace} describe resourcequota`,
  /** Shows its keys, not what they hold. */
  describeSecret: (namespace: string, name: string) => `kubectl -n ${namespace} describe secret ${name}`,
  createSecret: (namespace: string, name: string) =>
    `kubectl -n ${namespace} create secret generic ${name} --from-file=KEY=FILE`,
  /** images:SGN-4 */
  createKeySecret: (namespace: string, name: string) =>
    `kubectl -n ${namespace} create secret generic ${name} --from-file=key=signing_key.pem`,
  createCertSecret: (namespace: string, name: string) =>
    `kubectl -n ${namespace} create secret generic ${name} --from-file=cert=signing_cert.pem`,
  createPullSecret: (namespace: string, name: string) =>
    `kubectl -n ${namespace} create secret docker-registry ${name} --from-file="$HOME/.docker/config.json"`,
  describeNamespace: (namespace: string) => `kubectl describe namespace ${namespace}`,
  describeOperator: (namespace: string) =>
    `kubectl -n ${namespace} describe deployment kmm-operator-controller`,
  editConfigMap: (namespace: string, name: string) => `kubectl -n ${namespace} edit configmap ${name}`,
  operatorPods: (namespace: string) => `kubectl -n ${namespace} get pods`,
  operatorLog: (namespace: string) =>
    `kubectl -n ${namespace} logs deployment/kmm-operator-controller --tail=50`,
  labelNode: (node: string, label: string, value: string) =>
    `kubectl label --overwrite node ${node} ${label}=${value}`,
  uncordon: (node: string) => `kubectl uncordon ${node}`,
  /** Before it is booted anew. */
  drainNode: (node: string) => `kubectl drain ${node} --ignore-daemonsets`,
  describeNode: (node: string) => `kubectl describe node ${node}`,
  events: ({ namespace, name }: ModuleRef) =>
    `kubectl -n ${namespace} get events --field-selector involvedObject.name=${name}`,
}
