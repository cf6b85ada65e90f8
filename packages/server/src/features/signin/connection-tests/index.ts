/**
 * Test sign-ins by a connection, before it is offered: beginning one, and the page about its outcome. Leaves the answer of the
 * provider to signin/federation, and its outcome to signin/round-trips.
 */
export { beginTest, findTestOf, type TestConclusion } from './begin.ts'
export { connectionTestFeature } from './feature.ts'
export { type ConnectionCheck, type ConnectionReport, checkConnectionByOperator } from './operator.ts'
export { TestResult, TestWarningText } from './views.tsx'
export { addressIn, type TestWarning, warningOf } from './warnings.ts'
