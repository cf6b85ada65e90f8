/**
 * Two projects run the same tests, one on each database; `browser` drives a real one against a whole server.
 * `npx vitest run --project pglite` is the quick one.
 */
import { defineConfig } from 'vitest/config'

const common = {
  oxc: { jsx: { runtime: 'automatic' as const, importSource: 'preact' } },
  resolve: { dedupe: ['preact'] },
}
const limits = {
  environment: 'node' as const,
  testTimeout: 30_000,
  hookTimeout: 60_000,
  teardownTimeout: 20_000,
  restoreMocks: true,
}
const include = ['packages/*/src/**/*.test.{ts,tsx}', 'tests/*.test.{ts,tsx}']

export default defineConfig({
  test: {
    // each file brings its own database, which takes memory before it takes time
    maxWorkers: 2,
    pool: 'forks',
    coverage: { include: ['packages/*/src/**/*.{ts,tsx}'], reportsDirectory: 'coverage' },
    projects: [
      { ...common, test: { ...limits, name: 'pglite', include, globalSetup: 'tests/setup/pglite.ts' } },
      { ...common, test: { ...limits, name: 'postgres', include, globalSetup: 'tests/setup/postgres.ts' } },
      {
        ...common,
        test: {
          ...limits,
          name: 'browser',
          include: ['tests/browser/**/*.test.{ts,tsx}'],
          globalSetup: 'tests/setup/pglite.ts',
          testTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
