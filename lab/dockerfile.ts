/** A Dockerfile, as far as what it copies from its context and what its build arguments default to. */
export interface Dockerfile {
  /** Paths below the context that COPY takes from it, in the order of the file. */
  readonly copied: readonly string[]
  /** Values of ARG instructions, by name; those without one are left out. */
  readonly defaults: Readonly<Record<string, string>>
}

/** Reads the instructions of a Dockerfile. Throws for a COPY in a form that this does not know. */
export function parseDockerfile(text: string): Dockerfile {
  const instructions = text
    .replaceAll(/^\s*#.*\n/gmu, '')
    .replaceAll(/\\\n/gu, ' ')
    .split('\n')
    .map((line) => line.trim().split(/\s+/u))
  const copied = instructions
    .filter(([name, first]) => name === 'COPY' && first?.startsWith('--from=') !== true)
    .flatMap((words) => sourcesOf(words))
  const defaults = instructions
    .filter(([name]) => name === 'ARG')
    .flatMap(([, argument = '']) => {
      const [, name = '', value] = /^(\w+)=(.*)$/u.exec(argument) ?? []
      return value === undefined ? [] : [[name, value] as const]
    })
  return { copied, defaults: Object.fromEntries(defaults) }
}

function sourcesOf([, ...paths]: readonly string[]): readonly string[] {
  const odd = paths.find((path) => /^--|["'[\]*?$]/u.test(path))
  if (odd !== undefined) throw new Error(`COPY ${paths.join(' ')}: ${odd} is more than a plain path`)
  return paths.slice(0, -1)
}
