/** The systems that users are imported from, by the name that `--from` takes. */
import { auth0 } from './auth0.ts'
import { betterAuth } from './better-auth.ts'
import { clerk } from './clerk.ts'
import { django } from './django.ts'
import { firebase } from './firebase.ts'
import { gatehouse } from './gatehouse.ts'
import { keycloak } from './keycloak.ts'
import { latchkey } from './latchkey.ts'
import type { ImportPreset } from './preset.ts'
import { supabase } from './supabase.ts'

export const PRESETS: readonly ImportPreset[] = [
  latchkey, auth0, keycloak, supabase, firebase, clerk, betterAuth, django, gatehouse,
] // biome-ignore format: a table
