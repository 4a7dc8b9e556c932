#!/usr/bin/env node
// kubectl calls this, by its name, to complete `kubectl kmod ...`.
process.argv.splice(2, 0, '__complete')
await import('./kubectl-kmod.js')
