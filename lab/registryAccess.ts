/** How a registry is spoken to. */
export interface RegistryAccess {
  /** PEM of the authority behind its certificate; absent: plain HTTP. */
  readonly authority?: string
  /** The Authorization header of a node that has a login of its own. */
  readonly authorization?: string
}

/**
 * containerd's way to a registry, HOST:PORT. By path below containerd's folder for registries, which containerd
 * itself knows as `folder`. Takes effect at once.
 */
export function registryFiles(
  folder: string,
  host: string,
  { authority, authorization }: RegistryAccess = {},
): Readonly<Record<string, string>> {
  const url = `${authority === undefined ? 'http' : 'https'}://${host}`
  const lines = [
    `server = "${url}"`,
    `[host."${url}"]`,
    'capabilities = ["pull", "resolve"]',
    ...(authority === undefined ? [] : [`ca = "${folder}/${host}/ca.crt"`]),
    // After the host containerd asks the server itself, and each sends headers of its own.
    ...(authorization === undefined
      ? []
      : [`[host."${url}".header]`, '[header]'].flatMap((table) => [
          table,
          `authorization = ["${authorization}"]`,
        ])),
  ]
  return {
    [`${host}/hosts.toml`]: `${lines.join('\n')}\n`,
    ...(authority === undefined ? {} : { [`${host}/ca.crt`]: authority }),
  }
}
