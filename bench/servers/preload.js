/** Loaded into the Node servers with --import. */

// Memory can be compared only after a collection.
process.on('SIGUSR2', () => globalThis.gc())

// The benchmark is gone, however it went.
process.on('disconnect', () => process.exit(1))
