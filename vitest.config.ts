import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/slow/**'],
    reporters: ['default', './test/support/notable.ts'],
    testTimeout: 20_000,
    // Many tests wait: for deadlines, for other processes. More workers than cores keep the cores busy.
    maxWorkers: 3,
    // Only tests that wait for long are concurrent.
    maxConcurrency: 30,
    coverage: {
      enabled: process.env['CI'] === 'true',
      include: ['src/**'],
      reporter: ['text', 'html'],
      thresholds: { lines: 90 },
    },
  },
})
