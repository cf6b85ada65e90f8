/** The feature value of registrations. */
import type { Feature } from '../../../core/feature.ts'
import { clientRegistrationRoutes, type RegistrationTools } from './routes.ts'

export const registrationOfClients = (tools: RegistrationTools): Feature => ({
  name: 'client-registration',
  rows: clientRegistrationRoutes(tools),
})
