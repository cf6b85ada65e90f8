/** The feature value of connections. */
import type { Feature } from '../../../core/feature.ts'
import type { Tools } from '../../../core/tools.ts'
import { writeEnvironmentConnections } from './environment.ts'
import { readAllSettings, settingsReading } from './jobs.ts'
import { connectionPages } from './pages.tsx'
import { connectionRoutes } from './routes.ts'
import { samlConnectionPages } from './saml-pages.tsx'

export const connectionFeature = (tools: Tools): Feature => ({
  name: 'connections',
  rows: [...connectionRoutes(tools), ...connectionPages(tools), ...samlConnectionPages(tools)],
  jobs: [settingsReading(tools)],
})

/** At a start: writes those of the environment, and judges what another version may have written, or could not read. */
export async function prepareConnections(tools: Tools): Promise<void> {
  await writeEnvironmentConnections(tools)
  await readAllSettings(tools, tools.clock.now(), { all: true })
}
