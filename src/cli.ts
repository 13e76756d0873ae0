#!/usr/bin/env node
// The command `baton`. This file keeps its place: services and images start `node dist/cli.js`.
import { main } from './cli/main.js'

await main()
