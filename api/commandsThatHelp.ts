import { annotations, type ModuleRef } from './names.ts'
import { shell } from './text/shellWord.ts'

/** Commands that help a person, for the plugin and the pages of runs; all of them can be pasted. */
export const help = {
  edit: ({ namespace, name }: ModuleRef) => shell`kubectl -n ${namespace} edit module ${name}`,
  retry: ({ namespace, name }: ModuleRef, kernel: string) =>
    shell`kubectl kmod retry ${name} -n ${namespace} --kernel ${kernel}`,
  logs: ({ namespace, name }: ModuleRef, kernel: string) =>
    shell`kubectl kmod logs ${name} -n ${namespace} --kernel ${kernel}`,
  describePod: (namespace: string, pod: string) => shell`kubectl -n ${namespace} describe pod ${pod}`,
  giveUp: ({ namespace, name }: ModuleRef) =>
    shell`kubectl -n ${namespace} annotate module ${name} ${annotations.forceFinalize}='why'`,
  allowPods: (namespace: string) =>
    shell`kubectl label --overwrite namespace ${namespace} pod-security.kubernetes.io/enforce=privileged`,
  quotas: (namespace: string) => shell`kubectl -n ${namespace} describe resourcequota`,
  /** Shows its keys, not what they hold. */
  describeSecret: (namespace: string, name: string) => shell`kubectl -n ${namespace} describe secret ${name}`,
  createSecret: (namespace: string, name: string) =>
    shell`kubectl -n ${namespace} create secret generic ${name} --from-file=KEY=FILE`,
  /** images:SGN-4 */
  createKeySecret: (namespace: string, name: string) =>
    shell`kubectl -n ${namespace} create secret generic ${name} --from-file=key=signing_key.pem`,
  createCertSecret: (namespace: string, name: string) =>
    shell`kubectl -n ${namespace} create secret generic ${name} --from-file=cert=signing_cert.pem`,
  createPullSecret: (namespace: string, name: string) =>
    shell`kubectl -n ${namespace} create secret docker-registry ${name} --from-file="$HOME/.docker/config.json"`,
  describeNamespace: (namespace: string) => shell`kubectl describe namespace ${namespace}`,
  describeOperator: (namespace: string) =>
    shell`kubectl -n ${namespace} describe deployment kmm-operator-controller`,
  editConfigMap: (namespace: string, name: string) => shell`kubectl -n ${namespace} edit configmap ${name}`,
  operatorPods: (namespace: string) => shell`kubectl -n ${namespace} get pods`,
  operatorLog: (namespace: string) =>
    shell`kubectl -n ${namespace} logs deployment/kmm-operator-controller --tail=50`,
  labelNode: (node: string, label: string, value: string) =>
    shell`kubectl label --overwrite node ${node} ${label}=${value}`,
  uncordon: (node: string) => shell`kubectl uncordon ${node}`,
  /** Before it is booted anew. */
  drainNode: (node: string) => shell`kubectl drain ${node} --ignore-daemonsets`,
  describeNode: (node: string) => shell`kubectl describe node ${node}`,
  /** For people without the plugin. */
  annotateRetry: ({ namespace, name }: ModuleRef, kernel: string) =>
    shell`kubectl -n ${namespace} annotate module ${name} ${annotations.retryBuild}=${kernel}`,
  annotateRebuild: ({ namespace, name }: ModuleRef, which: string) =>
    shell`kubectl -n ${namespace} annotate module ${name} ${annotations.rebuild}=${which}`,
  createServiceAccount: (namespace: string, name: string) =>
    shell`kubectl -n ${namespace} create serviceaccount ${name}`,
  createDockerfile: (namespace: string, name: string) =>
    shell`kubectl -n ${namespace} create configmap ${name} --from-file=dockerfile=Dockerfile`,
  podsOnNode: (node: string) => shell`kubectl get pods -A --field-selector spec.nodeName=${node}`,
  forceDeletePod: (namespace: string, name: string) =>
    shell`kubectl -n ${namespace} delete pod ${name} --force --grace-period=0`,
  deleteNamespace: (namespace: string) => shell`kubectl delete namespace ${namespace}`,
  deleteDeployment: (namespace: string, name: string) =>
    shell`kubectl -n ${namespace} delete deployment ${name}`,
  startDeployment: (namespace: string, name: string) =>
    shell`kubectl -n ${namespace} scale deployment/${name} --replicas=1`,
  events: ({ namespace, name }: ModuleRef) =>
    shell`kubectl -n ${namespace} get events --field-selector involvedObject.name=${name}`,
}
