/** The keys under `temporal.tls` as they are given. */
interface GivenTls {
  readonly enabled?: boolean | undefined
  readonly serverName?: string | undefined
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
}

/** TLS to Temporal, with `enabled` decided: on, unless the address is on loopback and nothing else of TLS is given. */
export function tlsOf(
  address: string,
  { enabled, ...rest }: GivenTls,
): GivenTls & { readonly enabled: boolean } {
  const isGiven = Object.values(rest).some((value) => value !== undefined)
  return { enabled: enabled ?? (isGiven || !isLoopback(address)), ...rest }
}

/** Is this HOST:PORT one of this machine or pod alone? */
export function isLoopback(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(':'))
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}
