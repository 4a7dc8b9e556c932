import { BlockList } from 'node:net'
import type { ServiceNetwork } from './controlPlane.ts'
import type { Ledger } from './ledger.ts'
import { runOrThrow } from './programs/exec.ts'

/** The lab's network: a bridge on the machine, the nodes on it, and their pods behind them. */
export interface NetworkPlan {
  /** All of it, A.B.0.0/16. */
  readonly network: string
  readonly bridge: string
  /** The machine's address on the bridge, by which pods, nodes and virtual machines reach it. */
  readonly address: string
  /** The build node and its pods. */
  readonly nodeAddress: string
  readonly podNetwork: string
  /** The virtual machine and its pods. */
  readonly loadNodeAddress: string
  readonly loadPodNetwork: string
  /** The cluster's services. The build node translates their addresses, for the virtual machine and the machine too. */
  readonly services: ServiceNetwork
}

/**
 * Makes the bridge with the machine's address. Throws when the device or any address of the network is in use,
 * naming the device that holds it and the setting to change.
 */
export async function createBridge(plan: NetworkPlan, ledger: Ledger): Promise<void> {
  const holder = await routeInto(plan.network)
  if (holder !== null) {
    throw new Error(
      `the lab's network ${plan.network} overlaps ${holder}: set KMM_LAB_NETWORK to another network of 16 bits`,
    )
  }
  if (await deviceExists(plan.bridge)) {
    throw new Error(`there is a network device ${plan.bridge} already: set KMM_LAB_BRIDGE to another name`)
  }
  ledger.record({ kind: 'device', name: plan.bridge })
  await runOrThrow(['ip', 'link', 'add', 'name', plan.bridge, 'type', 'bridge'])
  await runOrThrow(['ip', 'address', 'add', `${plan.address}/24`, 'dev', plan.bridge])
  await runOrThrow(['ip', 'link', 'set', plan.bridge, 'up'])
}

/** Connects the network namespace of a process to the bridge as `nodeAddress`; its pods and all services are routed there. */
export async function attachNode(plan: NetworkPlan, ledger: Ledger, pid: number): Promise<void> {
  const outer = `${plan.bridge}-n`
  const inside = (...args: string[]) =>
    runOrThrow(['nsenter', '--target', String(pid), '--net', 'ip', ...args])
  ledger.record({ kind: 'device', name: outer })
  await runOrThrow(['ip', 'link', 'add', outer, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)])
  await runOrThrow(['ip', 'link', 'set', outer, 'master', plan.bridge, 'up'])
  await inside('link', 'set', 'lo', 'up')
  await inside('address', 'add', `${plan.nodeAddress}/24`, 'dev', 'eth0')
  await inside('link', 'set', 'eth0', 'up')
  await inside('route', 'add', 'default', 'via', plan.address)
  for (const network of [plan.podNetwork, plan.services.network]) {
    await runOrThrow(['ip', 'route', 'add', network, 'via', plan.nodeAddress, 'dev', plan.bridge])
  }
}

/** Removes a network device; false when there is none. */
export async function removeDevice(name: string): Promise<boolean> {
  if (!(await deviceExists(name))) return false
  await runOrThrow(['ip', 'link', 'delete', name])
  return true
}

async function deviceExists(name: string): Promise<boolean> {
  const stdout = await runOrThrow(['ip', '-json', 'link', 'show'])
  return (JSON.parse(stdout) as { ifname: string }[]).some(({ ifname }) => ifname === name)
}

/** The machine's first route that shares addresses with a network, in words, or null. */
async function routeInto(network: string): Promise<string | null> {
  const stdout = await runOrThrow(['ip', '-json', '-4', 'route', 'show', 'table', 'main'])
  const routes = JSON.parse(stdout) as { dst: string; dev?: string }[]
  const taken = routes.find(({ dst }) => dst !== 'default' && overlap(dst, network))
  return taken === undefined ? null : `the route to ${taken.dst} on ${taken.dev ?? 'no device'}`
}

/** Whether two IPv4 networks (or single addresses) have an address in common. */
export function overlap(a: string, b: string): boolean {
  const contains = (outer: string, inner: string) => {
    const [address = '', bits = '32'] = outer.split('/')
    const list = new BlockList()
    list.addSubnet(address, Number(bits))
    return list.check(inner.split('/')[0] ?? '')
  }
  return contains(a, b) || contains(b, a)
}
