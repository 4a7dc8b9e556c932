/** A line with what belongs to it below. */
export interface Branch {
  readonly line: string
  readonly below?: readonly Branch[]
}

/** A tree as `tree` draws it. */
export function drawTree({ line, below = [] }: Branch): string {
  return [line, ...below.flatMap((branch, at) => drawBelow(branch, at === below.length - 1))].join('\n')
}

function drawBelow({ line, below = [] }: Branch, isLast: boolean): string[] {
  const margin = isLast ? '   ' : '│  '
  const own = line
    .split('\n')
    .map((text, at) => (at === 0 ? `${isLast ? '└─ ' : '├─ '}${text}` : margin + text))
  return [
    ...own,
    ...below.flatMap((branch, at) =>
      drawBelow(branch, at === below.length - 1).map((text) => `${margin}${text}`),
    ),
  ]
}
