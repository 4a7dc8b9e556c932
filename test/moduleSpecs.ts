/** A small Module; the fields given replace those of container and mapping. */
export function smallSpec(change: { spec?: object; container?: object; mapping?: object } = {}): {
  readonly selector: object
  readonly moduleLoader: object
} {
  const kernelMappings = [{ regexp: '.', containerImage: 'reg.example/a:1', ...change.mapping }]
  const container = { kernelMappings, modprobe: { moduleName: 'm' }, ...change.container }
  return { selector: {}, moduleLoader: { container }, ...change.spec }
}
