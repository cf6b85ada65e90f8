/**
 * Security policies: what an organization demands of those who act in it, the days of grace, reminders, and who
 * complies. Owns the table `security_policies`; leaves the judgement of a session or sign-in to core/policies.ts
 * and base/assurance.ts, and the override of one member to `members`.
 */
export { policyFeature } from './feature.ts'
export {
  type PolicyByOperator,
  reportComplianceByOperator,
  setPolicyByOperator,
  showPolicyByOperator,
} from './operator.ts'
export { COMPLIANCE_STATES } from './policy.ts'
export { findPolicyDemand, policyRefusals } from './refusal.ts'
export { findOrganizationName } from './sql.ts'
export { complianceCsv } from './view.ts'
