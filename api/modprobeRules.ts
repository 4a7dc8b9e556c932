import { celText, matches, type Rule } from './rules.ts'

interface ArgumentLists {
  readonly load?: readonly string[] | undefined
  readonly unload?: readonly string[] | undefined
}
// What the rules need of the type in moduleLoader.ts, which is made with them.
interface ModprobeLike {
  readonly moduleName?: string | undefined
  readonly parameters?: readonly string[] | undefined
  readonly dirName: string
  readonly args?: ArgumentLists | undefined
  readonly rawArgs?: ArgumentLists | undefined
  readonly firmwarePath?: string | undefined
  readonly modulesLoadingOrder?: readonly string[] | undefined
}

/** A path in a pod holds no ":". */
const directory = '^/([^/:]+(/[^/:]+)*/?)?$'
const subdirectory = '^/[^/:]+(/[^/:]+)*/?$'
const dots = '(^|/)[.][.]?(/|$)'
const moduleName = '^[A-Za-z0-9_][^/\\t\\n\\f\\r ]*$'
const parameter = '^[A-Za-z0-9_][^=\\t\\n\\f\\r ]*(=|$)'

const isDirectory = (path: string) => path === '' || (matches(path, directory) && !matches(path, dots))
const isSubdirectory = (path: string) => path === '' || (matches(path, subdirectory) && !matches(path, dots))

/** nodes:WH-9 Better: names that reach the command line of modprobe. */
export const inTreeNameRule: Rule<string> = {
  id: 'nodes:WH-9 in-tree names',
  rule: `self == '' || self.matches(${celText(moduleName)})`,
  message: 'must be the name of a module, such as nouveau: no path, space or option',
  holds: (name) => name === '' || matches(name, moduleName),
}

/** Characters that all arguments of a Module may have together: they travel in an annotation of the worker pod. */
const argumentLimit = 32_768
const argumentSizes = [
  "(has(self.parameters) ? self.parameters.join('').size() : 0)",
  ...['args.load', 'args.unload', 'rawArgs.load', 'rawArgs.unload'].map((list) => {
    const [group = ''] = list.split('.')
    return `(has(self.${group}) && has(self.${list}) ? self.${list}.join('').size() : 0)`
  }),
].join(' + ')

/** images:VAL-9 with its Better (empty rawArgs count as absent), and the paths and names of modprobe (nodes:WH-9 Better). */
export const modprobeRules: readonly Rule<ModprobeLike>[] = [
  {
    id: 'images:VAL-9 rawArgs',
    rule: "has(self.moduleName) && self.moduleName != '' ? !has(self.rawArgs) || !has(self.rawArgs.load) && !has(self.rawArgs.unload) : has(self.rawArgs) && has(self.rawArgs.load) && has(self.rawArgs.unload)",
    message: 'give either moduleName, or both rawArgs.load and rawArgs.unload',
    holds: ({ moduleName: name, rawArgs }) =>
      name
        ? rawArgs?.load === undefined && rawArgs?.unload === undefined
        : rawArgs?.load !== undefined && rawArgs.unload !== undefined,
  },
  {
    id: 'images:VAL-9 order',
    rule: "!has(self.modulesLoadingOrder) || self.modulesLoadingOrder.size() >= 2 && has(self.moduleName) && self.moduleName != '' && self.modulesLoadingOrder[0] == self.moduleName",
    message: 'modulesLoadingOrder needs at least two names, of which the first is moduleName',
    fieldPath: '.modulesLoadingOrder',
    holds: ({ moduleName: name, modulesLoadingOrder: order }) =>
      order === undefined || (order.length >= 2 && name !== '' && order[0] === name),
  },
  {
    id: 'images:VAL-9 order twice',
    rule: '!has(self.modulesLoadingOrder) || self.modulesLoadingOrder.all(m, self.modulesLoadingOrder.exists_one(n, n == m))',
    message: 'modulesLoadingOrder must not name a module twice',
    fieldPath: '.modulesLoadingOrder',
    holds: ({ modulesLoadingOrder: order = [] }) => new Set(order).size === order.length,
  },
  {
    id: 'nodes:WH-9 names',
    rule: `(!has(self.moduleName) || self.moduleName == '' || self.moduleName.matches(${celText(moduleName)})) && (!has(self.modulesLoadingOrder) || self.modulesLoadingOrder.all(m, m.matches(${celText(moduleName)})))`,
    message:
      'moduleName and modulesLoadingOrder are names of modules, such as acme_core: no paths, spaces or options',
    fieldPath: '.moduleName',
    holds: ({ moduleName: name = '', modulesLoadingOrder: order = [] }) =>
      (name === '' || matches(name, moduleName)) && order.every((m) => matches(m, moduleName)),
  },
  {
    id: 'nodes:WH-9 parameters',
    rule: `!has(self.parameters) || self.parameters.all(p, p.matches(${celText(parameter)}))`,
    message: 'a parameter is name=value or name, such as debug=1',
    fieldPath: '.parameters',
    holds: ({ parameters = [] }) => parameters.every((p) => matches(p, parameter)),
  },
  {
    id: 'nodes:WH-9 dirName',
    rule: `self.dirName == '' || self.dirName.matches(${celText(directory)}) && !self.dirName.matches(${celText(dots)})`,
    message: 'must be an absolute path without ":" and without empty, "." and ".." parts, such as /opt',
    fieldPath: '.dirName',
    holds: ({ dirName }) => isDirectory(dirName),
  },
  {
    id: 'nodes:WH-9 firmwarePath',
    rule: `!has(self.firmwarePath) || self.firmwarePath == '' || self.firmwarePath.matches(${celText(subdirectory)}) && !self.firmwarePath.matches(${celText(dots)})`,
    message:
      'must be an absolute path below / without ":" and without empty, "." and ".." parts, such as /firmware; leave it out when there is no firmware',
    fieldPath: '.firmwarePath',
    holds: ({ firmwarePath = '' }) => isSubdirectory(firmwarePath),
  },
  {
    id: 'nodes:WH-9 size',
    rule: `${argumentSizes} <= ${argumentLimit}`,
    message: `parameters, args and rawArgs may have ${argumentLimit} characters together`,
    holds: ({ parameters, args, rawArgs }) =>
      [parameters, args?.load, args?.unload, rawArgs?.load, rawArgs?.unload]
        .flatMap((list) => list ?? [])
        .reduce((sum, text) => sum + Array.from(text).length, 0) <= argumentLimit,
  },
]
