import { defineConfig } from 'vitest/config'

/** What takes too long for `npm test`: each file alone, so that none spoils the pace of another. */
export default defineConfig({
  test: {
    include: ['test/slow/**/*.test.ts'],
    reporters: ['default', './test/support/notable.ts'],
    testTimeout: 180_000,
    maxConcurrency: 30,
    fileParallelism: false,
  },
})
