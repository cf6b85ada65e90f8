-- expand 0.1
-- Second factors: what a user has enrolled, what a session has proven, and what a sign-in under way still needs.
-- The secrets of each kind of factor are in another table; this one says which there are, for every rule that asks.
create table latchkey.factors (
  id text primary key,
  user_id text not null references latchkey.users on delete cascade,
  kind text not null check (kind in ('totp', 'passkey', 'backup_codes', 'email')),
  name text,
  created_at timestamptz not null,
  confirmed_at timestamptz,
  last_used_at timestamptz
);
create index factors_user on latchkey.factors (user_id, kind) where confirmed_at is not null;
create index factors_owner on latchkey.factors (user_id);
create index factors_unconfirmed on latchkey.factors (created_at) where confirmed_at is null;
create unique index factors_single on latchkey.factors (user_id, kind) where kind in ('backup_codes', 'email');

alter table latchkey.factors enable row level security;
alter table latchkey.factors force row level security;
create policy system on latchkey.factors to latchkey_system using (true) with check (true);

create trigger tell_insert after insert on latchkey.factors for each row
  when (new.confirmed_at is not null)
  execute function latchkey.tell_changed_user();
create trigger tell_update after update of confirmed_at on latchkey.factors for each row
  when (old.confirmed_at is distinct from new.confirmed_at)
  execute function latchkey.tell_changed_user();
create trigger tell_delete after delete on latchkey.factors for each row
  when (pg_trigger_depth() = 0 and old.confirmed_at is not null)
  execute function latchkey.tell_changed_user();

-- sessions of the version before have proven one factor, at a time that `authenticated_at` tells
alter table latchkey.sessions
  add column acr text not null default 'aal1' check (acr in ('aal1', 'aal2', 'aal2-phr')),
  add column proofs jsonb not null default '[]';
drop trigger tell_update on latchkey.sessions;
create trigger tell_update after update of ended_at, token_hash, organization_id, authenticated_at, expires_at, idle_seconds, amr, limited_to, acr, proofs
  on latchkey.sessions for each row
  when (pg_trigger_depth() = 0 and
    (old.ended_at, old.token_hash, old.organization_id, old.authenticated_at, old.expires_at, old.idle_seconds, old.amr, old.limited_to, old.acr, old.proofs)
    is distinct from
    (new.ended_at, new.token_hash, new.organization_id, new.authenticated_at, new.expires_at, new.idle_seconds, new.amr, new.limited_to, new.acr, new.proofs))
  execute function latchkey.tell_changed_user();

alter table latchkey.attempts
  -- of several answers to one step exactly one succeeds, also where the step stays the same
  add column version int not null default 0,
  add column purpose text not null default 'sign_in' check (purpose in ('sign_in', 'step_up')),
  add column session_id text references latchkey.sessions on delete cascade,
  -- what a step-up must reach
  add column demand jsonb not null default '{}',
  add column held_form text,
  add column program_seconds int,
  -- the browser that asked for a link or code
  add column browser_hash bytea;
create index attempts_session on latchkey.attempts (session_id) where session_id is not null;

alter table latchkey.users
  add column mfa_required boolean not null default false;
alter table latchkey.roles
  add column requires_mfa boolean not null default false;

alter table latchkey.devices
  add column user_agent text,
  add column ip_address text,
  add column trusted_until timestamptz;
