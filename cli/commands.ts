import type { Command } from './args/command.ts'
import { fileFlag, kernelFlag, operatorNamespaceFlag, temporalFlags } from './args/commonFlags.ts'
import { shells } from './args/shells.ts'

const module = { name: 'MODULE', completes: 'modules' } as const

/** Every command, in the order of help. */
export const commands: readonly Command[] = [
  {
    name: 'list',
    arguments: [],
    summary: 'Modules with what they wait for',
    help: 'One line for each Module: whether it is ready, why not, how many of its kernels and nodes have it.',
    flags: [{ name: 'all-namespaces', short: 'A', help: 'of all namespaces' }],
    wide: 'the message of each Module',
    examples: ['kubectl kmod list -A', 'kubectl kmod list -o wide'],
    load: async () => (await import('./commands/list.ts')).list,
  },
  {
    name: 'status',
    arguments: [module],
    summary: 'one Module: kernels, stages, nodes',
    help:
      'A tree: each kernel with its phase, image, build and nodes, and how long it stands there. With --watch it is ' +
      'drawn anew at every change, without polling, until Ctrl-C or until the Module is gone.',
    flags: [{ name: 'watch', short: 'w', help: 'go on, and show every change' }],
    wide: 'the name of every node',
    examples: ['kubectl kmod status fpga -n drivers --watch', 'kubectl kmod status fpga -o json'],
    load: async () => (await import('./commands/status.ts')).status,
  },
  {
    name: 'why',
    arguments: [module, { name: 'NODE', optional: true, completes: 'nodes' }],
    summary: 'why a Module is not loaded: the first thing that fails, and what helps',
    help:
      'An ordered checklist: definition, operator, namespace, selector, taints; for each kernel mapping, template, ' +
      'image, registry, build; for the worst node of it (or the one that is named) worker pod and modprobe. Asks the ' +
      'API server alone, so it works while the operator or Temporal is down, and says what it could not look at. Exit ' +
      'code 0: loaded; 4: something fails; 5: it is under way.',
    flags: [operatorNamespaceFlag],
    wide: 'the commands that help with each line',
    examples: ['kubectl kmod why fpga -n drivers', 'kubectl kmod why fpga worker-3 -n drivers'],
    load: async () => (await import('./commands/why.ts')).why,
  },
  {
    name: 'resolve',
    arguments: [],
    summary: 'the mapping and image that a kernel would get',
    help:
      'Which kernel mapping counts for a kernel, and what comes of it: image, build arguments, modprobe commands. ' +
      'Needs no cluster. Exit code 4 when the kernel has no mapping, or the mapping cannot be used.',
    flags: [fileFlag, kernelFlag],
    without: ['kubeconfig', 'context', 'as'],
    examples: ['kubectl kmod resolve -f module.yaml --kernel 6.8.0-60-generic'],
    load: async () => (await import('./commands/resolve.ts')).resolve,
  },
  {
    name: 'plan',
    arguments: [],
    summary: 'what applying a file would build, load and unload',
    help:
      'What the operator would do if the Module of the file were applied, by the same rules, without doing it: for ' +
      'each kernel the image and whether it would be looked for or built, for each node whether the module would be ' +
      'loaded, reloaded, unloaded or left. Registries are not asked. Exit code 4 when the API server would refuse it.',
    flags: [fileFlag],
    wide: 'the arguments of builds',
    examples: ['kubectl kmod plan -f module.yaml', 'kubectl kmod plan -f module.yaml -o json'],
    load: async () => (await import('./commands/plan.ts')).plan,
  },
  {
    name: 'retry',
    arguments: [module],
    summary: 'build or load again what is held, or an image that is there',
    help:
      'Sets the annotation kmm.sigs.x-k8s.io/retry-build, which the operator takes off when it has acted: who may patch ' +
      'Modules may retry. Exit code 4 when nothing is held. With --rebuild the annotation is kmm.sigs.x-k8s.io/rebuild: ' +
      'images are built again though they are there, and rolled out.',
    flags: [kernelFlag, { name: 'rebuild', help: 'build images again though they are there' }],
    examples: ['kubectl kmod retry fpga -n drivers', 'kubectl kmod retry fpga --kernel 6.8.0-60-generic'],
    load: async () => (await import('./commands/steer.ts')).retry,
  },
  {
    name: 'cancel',
    arguments: [module],
    summary: 'stop builds that are under way',
    help:
      'Sets the annotation kmm.sigs.x-k8s.io/cancel-build, which the operator takes off when it has acted. The build pod ' +
      'goes, and nothing is built from the same inputs until `retry` or a change. What is loaded stays. Exit code 4 when ' +
      'nothing is being built. A rebuild that failed is given up: `retry` then takes the image that is there.',
    flags: [kernelFlag],
    examples: ['kubectl kmod cancel fpga -n drivers'],
    load: async () => (await import('./commands/steer.ts')).cancel,
  },
  {
    name: 'logs',
    arguments: [module],
    summary: 'log of a build: live, or as it was kept',
    help:
      'Of the build pod while there is one, live while it builds (the right "get pods/log" is needed); else the end of ' +
      'the log that Temporal keeps, secrets masked; else the error lines that stand in the status.',
    flags: [
      kernelFlag,
      { name: 'attempt', value: 'N', help: 'of this attempt; the last one without it' },
      ...temporalFlags,
    ],
    without: ['output'],
    examples: [
      'kubectl kmod logs fpga -n drivers',
      'kubectl kmod logs fpga --attempt 1 --temporal-address localhost:7233',
    ],
    load: async () => (await import('./commands/logs.ts')).logs,
  },
  {
    name: 'history',
    arguments: [module],
    summary: 'runs and attempts, with durations and outcomes',
    help:
      'What the runs of the Module did, newest first: checks, builds, loads, retries, each with its duration and its ' +
      'outcome. It is read from Temporal, also for Modules that are gone. Exit code 3 when there are no runs.',
    flags: [
      kernelFlag,
      { name: 'limit', value: 'N', help: 'at most so many runs; 10 without it' },
      ...temporalFlags,
    ],
    wide: 'the time at which each step began',
    examples: ['kubectl kmod history fpga -n drivers --temporal-address localhost:7233'],
    load: async () => (await import('./commands/history.ts')).history,
  },
  {
    name: 'open',
    arguments: [module],
    summary: "the address of the Module's runs in the Temporal UI",
    help: 'Prints the address of the last run of each kernel. Temporal is not asked; the run ids stand in the status.',
    flags: [
      kernelFlag,
      { name: 'ui', value: 'URL', help: 'the UI; TEMPORAL_UI_ADDRESS, or http://localhost:8233' },
      ...temporalFlags.filter(({ name }) => name !== 'temporal-address'),
    ],
    wide: 'the kernel of each',
    examples: ['xdg-open "$(kubectl kmod open fpga --kernel 6.8.0-60-generic)"'],
    load: async () => (await import('./commands/open.ts')).open,
  },
  {
    name: 'support-bundle',
    arguments: [module],
    summary: 'one file with everything a bug report needs, secrets left out',
    help:
      'A YAML file: the checklist of `why`, the Module, its nodes, records, pods, Dockerfiles and events, the operator, ' +
      'and, with Temporal, what the last runs did and the masked ends of their logs. Values of build arguments and ' +
      'environment variables, Secrets, and passwords in addresses are left out; raw logs of pods are not taken. What you ' +
      'may not read is named in it.',
    flags: [
      {
        name: 'file',
        value: 'FILE',
        help: 'where to; kmm-support-NAMESPACE-MODULE.yaml, - for the standard output',
      },
      ...temporalFlags,
    ],
    examples: ['kubectl kmod support-bundle fpga -n drivers --temporal-address localhost:7233'],
    without: ['output'],
    load: async () => (await import('./commands/supportBundle.ts')).supportBundle,
  },
  {
    name: 'uninstall',
    arguments: [],
    summary: 'take kmm-temporal off the cluster; shows what it would do unless --yes is given',
    help:
      'With --unload all Modules are deleted and waited for, so that nothing of them is left in the kernels; with ' +
      '--keep-loaded what is loaded stays. Then records, labels, Leases and the installation go. Without --yes nothing ' +
      'is changed. After an interruption the same command goes on. What Helm installed is left to Helm. Exit code 4: ' +
      'refused, with the reason; 5: interrupted, or --timeout is over, with what remains.',
    flags: [
      { name: 'unload', help: 'unload every Module first; the operator must be live' },
      { name: 'keep-loaded', help: 'leave in the kernels what is there, until the nodes boot' },
      { name: 'yes', help: 'do it' },
      { name: 'keep-definitions', help: 'leave the CustomResourceDefinitions' },
      { name: 'timeout', value: 'DURATION', help: 'give up after so long, such as 10m; waits without it' },
      ...temporalFlags,
    ],
    without: ['namespace'],
    examples: [
      'kubectl kmod uninstall --unload',
      'kubectl kmod uninstall --unload --yes --timeout 30m',
      'kubectl kmod uninstall --keep-loaded --yes',
    ],
    load: async () => (await import('./commands/uninstall.ts')).uninstall,
  },
  {
    name: 'images',
    arguments: [],
    summary: 'the images that an installation needs, to mirror them',
    help:
      'The images of the operator as it is installed and configured: its own, those of its pods, and those of the ' +
      'embedded Temporal. Where it is not installed, and with --release, those that this release refers to by default. ' +
      'Images of your Modules and the base images of their Dockerfiles are not among them.',
    flags: [{ name: 'release', help: 'of this release; no cluster is asked' }, operatorNamespaceFlag],
    without: ['namespace'],
    examples: ['kubectl kmod images --release', 'kubectl kmod images -o json'],
    load: async () => (await import('./commands/images.ts')).images,
  },
  {
    name: 'completion',
    arguments: [{ name: 'SHELL', choices: Object.keys(shells) }],
    summary: 'completion for bash, zsh or fish',
    help:
      'The script for `kubectl-kmod`. For `kubectl kmod` itself kubectl asks kubectl_complete-kmod, which is installed ' +
      'beside this program: nothing else is to be done.',
    flags: [],
    without: ['namespace', 'output', 'kubeconfig', 'context', 'as'],
    examples: ['source <(kubectl kmod completion bash)', 'kubectl kmod completion fish | source'],
    load: async () => (await import('./commands/completion.ts')).completion,
  },
]
