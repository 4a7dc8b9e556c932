import { Gauge, type Registry } from 'prom-client'
import type { ClusterSnapshot } from '../../api/facts.ts'
import { kernelPhases, type Module } from '../../api/module.ts'
import type { StoredModule } from '../../api/readModule.ts'
import { needsPerson } from '../../api/remedies.ts'
import { boundedWords } from './words.ts'

/** What is counted is in the caches: each look at the page counts anew, so nothing stays of a Module that is gone. */
type Counts = readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]

/** Gauges of the cluster as the caches have it: KMM's by their names (nodes:MET-1), and where Modules stand. */
export function addClusterMetrics(
  registry: Registry,
  cache: Pick<ClusterSnapshot, 'modules' | 'unreadableModules' | 'nodes'>,
): void {
  const gauge = (name: string, help: string, labelNames: readonly string[], count: () => Counts): void => {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset()
        for (const { labels, value } of count()) this.set(labels, value)
      },
    })
  }
  const number = (name: string, help: string, which: (module: Module) => boolean): void =>
    gauge(name, help, [], () => [{ labels: {}, value: cache.modules().filter(which).length }])
  /** With those that break a rule which came after they were stored. */
  const stored = (): readonly StoredModule[] => [...cache.modules(), ...cache.unreadableModules()]
  const kernels = () => stored().flatMap(({ status }) => status?.kernels ?? [])
  const word = boundedWords()

  gauge('kmm_module_num', 'Modules.', [], () => [{ labels: {}, value: stored().length }])
  number('kmm_in_cluster_build_num', 'Modules with a build section.', (module) =>
    sections(module).some(({ build }) => build !== undefined),
  )
  number('kmm_in_cluster_sign_num', 'Modules with a sign section.', (module) =>
    sections(module).some(({ sign }) => sign !== undefined),
  )
  number(
    'kmm_device_plugin_num',
    'Modules with a device plugin.',
    ({ spec }) => spec.devicePlugin !== undefined,
  )
  // KMM's dashboards ask for it. There is no such kind here yet, so there are none.
  gauge('kmm_preflight_num', 'PreflightValidations.', [], () => [{ labels: {}, value: 0 }])
  const ofModule = ['name', 'namespace'] as const
  gauge('kmm_modprobe_args', 'Modules with modprobe.args.load.', [...ofModule, 'modprobeArgs'], () =>
    cache.modules().flatMap((module) => {
      const args = modprobe(module)?.args?.load
      return args === undefined
        ? []
        : [{ labels: { ...nameOf(module), modprobeArgs: args.join(',') }, value: 1 }]
    }),
  )
  gauge(
    'kmm_modprobe_raw_args',
    'Modules with modprobe.rawArgs.load.',
    [...ofModule, 'modprobeRawArgs'],
    () =>
      cache.modules().flatMap((module) => {
        const args = modprobe(module)?.rawArgs?.load
        return args === undefined
          ? []
          : [{ labels: { ...nameOf(module), modprobeRawArgs: args.join(',') }, value: 1 }]
      }),
  )
  gauge('kmm_module_ready', '1 when the condition Ready of a Module is True.', ofModule, () =>
    stored().map((module) => {
      const ready = module.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
      return { labels: nameOf(module), value: ready ? 1 : 0 }
    }),
  )
  gauge('kmm_module_nodes', 'Nodes of a Module by state.', [...ofModule, 'state'], () =>
    cache.modules().flatMap((module) => {
      const counts = (module.status?.kernels ?? []).flatMap(({ nodes }) => nodes ?? [])
      return (['targets', 'loaded', 'failed', 'waiting'] as const).map((state) => ({
        labels: { ...nameOf(module), state },
        value: counts.reduce((sum, of) => sum + of[state], 0),
      }))
    }),
  )
  gauge('kmm_kernels', 'Kernels of Modules by phase.', ['phase'], () =>
    kernelPhases.map((phase) => ({
      labels: { phase },
      value: kernels().filter((kernel) => kernel.phase === phase).length,
    })),
  )
  gauge(
    'kmm_nodes_invalid',
    'Nodes that are left out because their kubelets report what no kubelet reports, by field of status.nodeInfo.',
    ['field'],
    () => {
      const left = cache.nodes().flatMap(({ invalid }) => invalid ?? [])
      return [...Map.groupBy(left, (field) => field)].map(([field, all]) => ({
        labels: { field },
        value: all.length,
      }))
    },
  )
  gauge('kmm_kernels_held', 'Kernels of Modules that wait for a person, by reason.', ['reason'], () => {
    const waiting = stored().flatMap(({ metadata, status }) =>
      (status?.kernels ?? []).filter((kernel) => needsPerson(metadata, kernel)),
    )
    const held = Object.groupBy(waiting, ({ reason, phase }) => word(reason ?? phase))
    return Object.entries(held).map(([reason, all = []]) => ({ labels: { reason }, value: all.length }))
  })
}

function nameOf({ metadata }: StoredModule) {
  return { name: metadata.name, namespace: metadata.namespace }
}

function modprobe({ spec }: Module) {
  return spec.moduleLoader?.container.modprobe
}

/** The parts of a Module in which `build` and `sign` may stand. */
function sections({ spec }: Module) {
  const container = spec.moduleLoader?.container
  return container === undefined ? [] : [container, ...container.kernelMappings]
}
