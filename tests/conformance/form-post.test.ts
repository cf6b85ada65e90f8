/**
 * The plan `oidcc-formpost-basic-certification-test-plan` of the OpenID conformance suite: the modules of the Basic plan, with
 * answers by `response_mode=form_post`, as a browser without scripts gets them.
 */
import { describeBasicPlan } from './basic-plan.ts'

describeBasicPlan('oidcc-formpost-basic-certification-test-plan', 'form_post')
