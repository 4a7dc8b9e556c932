/** A Service of the cluster and one of its ports. */
export interface ServiceAddress {
  readonly namespace: string
  readonly name: string
  readonly port: number
}

const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?'
/** NAME, NAME.NAMESPACE, and the same with `.svc` or all of the cluster's domain. */
const pattern = new RegExp(`^(${label})(?:\\.(${label})(?:\\.svc(?:\\.${label})*)?)?\\.?:(\\d+)$`)

/**
 * The Service that HOST:PORT may name for a pod of `ownNamespace`; undefined when it cannot be one. That there is one
 * is not said: `example.com:7233` looks the same.
 */
export function serviceOf(address: string, ownNamespace: string): ServiceAddress | undefined {
  const [, name = '', namespace = ownNamespace, port = ''] = pattern.exec(address) ?? []
  if (name === '' || name === 'localhost' || /^\d+$/.test(name)) return undefined
  return { namespace, name, port: Number(port) }
}
