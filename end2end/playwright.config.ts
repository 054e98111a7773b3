// The application in a real Chromium. `make test` does all of it; by hand:
//
//   scripts/setup test                          Chromium, fonts, the packages of this folder
//   cargo leptos build                          or --release; the newer `todo` binary is tested
//   cd end2end
//   npx playwright test --project=embedded      SQLite, no broker: nothing else to start
//
//   export TEST_KAFKA_BROKERS=$(../scripts/kafka start /tmp/e2e/kafka)
//   export TEST_POSTGRES_URL=$(../scripts/postgres start /tmp/e2e/postgres)
//   npx playwright test                         both projects
//
// Also read: TODO_BIN, TODO_SITE_ROOT, CHROMIUM. Pictures for people are left in screenshots/.
// To see what a failing test did: npx playwright test --trace=retain-on-failure.
import { defineConfig } from '@playwright/test'
import type { Options } from './support/test'

export default defineConfig<object, Options>({
  testDir: 'tests',
  outputDir: 'test-results',
  workers: 2,
  retries: 0,
  forbidOnly: !!process.env.CI,
  reporter: 'list',
  timeout: 180_000,
  expect: { timeout: 30_000 },
  use: {
    actionTimeout: 10_000,
    navigationTimeout: 20_000,
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    { name: 'embedded', use: { transport: 'embedded' } },
    // How it looks does not depend on how events travel.
    { name: 'kafka', use: { transport: 'kafka' }, testIgnore: '**/look/**' },
  ],
})
