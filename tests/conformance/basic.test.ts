/** The plan `oidcc-basic-certification-test-plan` of the OpenID conformance suite: one test a module, of its name. */
import { describeBasicPlan } from './basic-plan.ts'

describeBasicPlan('oidcc-basic-certification-test-plan', 'default')
