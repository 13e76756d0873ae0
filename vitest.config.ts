import { defineConfig } from 'vitest/config'

/** Tests that mock a module of Node, or look at what the whole process does. */
const alone = ['test/observability/log-output.test.ts', 'test/observability/idle.test.ts']

const isCI = process.env['CI'] === 'true'

export default defineConfig({
  test: {
    reporters: ['default', './test/support/notable.ts'],
    // Many tests wait: for deadlines, for other processes. More workers than cores keep the cores busy.
    maxWorkers: 3,
    coverage: { enabled: isCI, include: ['src/**'], reporter: ['text', 'html'], thresholds: { lines: 90 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: ['test/slow/**', ...alone],
          // Loading the source anew for each file took half of the time. Each test puts back what it changes.
          isolate: false,
          testTimeout: 20_000,
          // Only tests that wait for long are concurrent.
          maxConcurrency: 30,
        },
      },
      { extends: true, test: { name: 'alone', include: alone } },
    ],
  },
})
