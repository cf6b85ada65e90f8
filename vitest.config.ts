/**
 * `unit` is what needs no database. Two projects run all other tests, one on each database; `browser` drives a real
 * one against a whole server. `npx vitest run --project pglite` is the quick one.
 */
import { defineConfig } from 'vitest/config'

const include = ['packages/*/src/**/*.test.{ts,tsx}', 'tests/*.test.{ts,tsx}']
const withoutDatabase = [
  'packages/guard/src/{adapters,jwt,latchkey,methods}/*.test.ts',
  'packages/guard/src/{can,hostile,latchkey,matrix,permissions,present,property,roles,rules}.test.ts',
  'packages/server/src/base/{control,hashing,limits,log,outbound,page}/*.test.{ts,tsx}',
  'packages/server/src/base/http/**/*.test.ts',
  'packages/server/src/base/{cursor,fields,identifiers,sightings}.test.ts',
  'packages/server/src/{core/mail/letter,core/roles/presets}.test.{ts,tsx}',
  'packages/server/src/config.test.ts',
  'tests/{architecture,launcher,packages,pages,platforms,reference,vocabulary}.test.{ts,tsx}',
]
const exclude = ['**/node_modules/**', ...withoutDatabase]

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: { dedupe: ['preact'], tsconfigPaths: true },
  test: {
    environment: 'node',
    // each file brings its own database, which takes memory before it takes time
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 240_000,
    teardownTimeout: 20_000,
    restoreMocks: true,
    // a busy machine is late now and then; what never comes fails a little later
    expect: { poll: { timeout: 20_000, interval: 10 } },
    coverage: { include: ['packages/*/src/**/*.{ts,tsx}'], reportsDirectory: 'coverage' },
    projects: [
      { extends: true, test: { name: 'unit', include: withoutDatabase } },
      {
        extends: true,
        test: {
          name: 'pglite',
          include,
          exclude: [...exclude, '**/db/postgres.test.ts', 'tests/nodes.test.ts'],
          globalSetup: 'tests/setup/pglite.ts',
        },
      },
      {
        extends: true,
        test: {
          name: 'postgres',
          include,
          exclude: [...exclude, '**/db/{pglite,lock}.test.ts'],
          globalSetup: 'tests/setup/postgres.ts',
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['tests/browser/**/*.test.{ts,tsx}'],
          globalSetup: 'tests/setup/pglite.ts',
          fileParallelism: false,
        },
      },
    ],
  },
})
