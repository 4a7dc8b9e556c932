#!/bin/sh
# Removes from node_modules what neither Node nor webpack reads here: nodes pull the image before they load a module,
# so every file is time. Licences stay. Runs in the folder above node_modules; deploy/Dockerfile checks the result by
# loading the operator from it.
set -eu
cd node_modules

# The base image brings Node; the platform packages are for development.
rm -rf node-linux-* .bin @types @temporalio/core-bridge/sdk-core
# The Temporal core of other machines.
if [ -d @temporalio/core-bridge ]; then
  find @temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -rf {} +
fi
# Parts for another runtime, Bare: Node takes events-universal/default.js and node:fs instead.
rm -rf bare-buffer bare-events bare-fs bare-path bare-stream bare-url
# Tables of browsers' features and regions, which only browserslist queries about those read.
rm -rf caniuse-lite/data/features caniuse-lite/data/regions
# 6 MB that the client itself does not import.
rm -f @kubernetes/client-node/dist/gen/types/PromiseAPI.js
# Builds for browsers and for module systems that Node does not choose.
rm -rf yaml/browser rxjs/src rxjs/dist/bundles rxjs/dist/esm rxjs/dist/esm5 ajv/lib zod/src zod/v3 zod/mini zod/v4/mini
find . -type d -path '*/protobufjs/dist' -prune -exec rm -rf {} +
find zod -type f -name '*.cjs' -delete

# Folders that packages publish beside what they run.
find . -type f -name package.json ! -path '*/dist/*' ! -path '*/lib/*' | while read -r manifest; do
  package=${manifest%/package.json}
  for folder in test tests __tests__ doc docs example examples benchmark benchmarks coverage .github; do
    rm -rf "$package/$folder"
  done
done
# Declarations, sources that were compiled, maps and texts.
find . -type f \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' -o -name '*.flow' \
  -o -name '*.md' -o -name '*.markdown' -o -name '*.yml' -o -name '*.rs' -o -name '*.tsbuildinfo' -o -name '.*' \) \
  ! -iname '*licen[sc]e*' ! -iname '*notice*' ! -iname '*copying*' -delete
find . -depth -type d -empty -delete
