import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/slow/**'],
    testTimeout: 20_000,
    // Faults are tried with many processes at once; what a busy worker spoiled by its pace is tried again there.
    retry: process.env['CI'] === 'true' ? 2 : 0,
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
