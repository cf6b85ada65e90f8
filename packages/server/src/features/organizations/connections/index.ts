/**
 * The administration of connections to identity providers: of the server, of organizations, of the environment. Owns every
 * change of the table `connections`, and the reading of their diagnostics. Leaves finding a connection for a sign-in to
 * core/connections, what a provider needs to core/providers, and the protocols to signin.
 */
export { connectionChanges, type ShownConnection } from './connections.ts'
export { faultSentence, ReasonText } from './fault-views.tsx'
export { connectionFeature, prepareConnections } from './feature.ts'
export {
  changeConnectionByOperator,
  connectionActionsByOperator,
  createConnectionByOperator,
  listConnectionEventsByOperator,
  listConnectionsByOperator,
  showConnectionByOperator,
} from './operator.ts'
export type { Owner } from './owners.ts'
export { readDiagnoses as readLastEvents } from './upkeep.ts'
export type { ConnectionView } from './view.ts'
