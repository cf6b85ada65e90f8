/**
 * The door of the guard: what protects any Node API, the server's own included. It knows neither SQL nor
 * the server. Now it holds the one judgement everybody shares, whether a principal may do something.
 */
export { can, type Permitted } from './can.ts'
