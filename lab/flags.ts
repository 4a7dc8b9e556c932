/** Command-line flags in the form `--name=value`; those whose value is undefined are left out. */
export function flags(values: Readonly<Record<string, string | number | boolean | undefined>>): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}`],
  )
}
